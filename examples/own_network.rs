//! A network of one's own: a U-Net whose blocks weigh their channels (squeeze and excitation, Hu et al., arXiv:1709.01507), trained
//! to find discs, squares and triangles.

use std::sync::Arc;

use atrous::graph::op::Unary;
use atrous::graph::{GraphError, NodeId};
use atrous::nn::layers::{Conv, ConvTranspose, Norm, Pool};
use atrous::nn::{Builder, Built, Info, Normalize};
use atrous::prelude::*;
use atrous::train::data::Shapes;

/// A U-Net whose channels double from level to level.
pub struct SeUnet {
    pub classes: usize,
    pub width: usize,
    pub depth: usize,
}

impl Network for SeUnet {
    fn info(&self) -> Info {
        Info { normalize: Normalize::Tf, ..Info::segmentation(self.classes) }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let (mut y, mut skips) = (image, Vec::new());
        for level in 0..self.depth {
            y = se_block(b, &format!("down{level}"), y, self.width << level)?;
            skips.push(y);
            y = b.max_pool(&format!("pool{level}"), y, Pool::new(2, 2))?;
        }
        y = se_block(b, "bottom", y, self.width << self.depth)?;
        for (level, skip) in skips.into_iter().enumerate().rev() {
            y = b.conv_transpose2d(&format!("up{level}"), y, ConvTranspose::new(self.width << level, 2, 2))?;
            y = b.concat(&format!("concat{level}"), &[skip, y])?;
            y = se_block(b, &format!("join{level}"), y, self.width << level)?;
        }
        Ok(b.conv2d("classes", y, Conv::new(self.classes, 1).bias())?.into())
    }
}

/// A convolution, and a weight for each of its channels that depends on the whole map.
fn se_block(b: &mut Builder, name: &str, x: NodeId, channels: usize) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.conv2d("conv", x, Conv::new(channels, 3).padding(1))?;
        let y = b.batch_norm("bn", y, Norm::TORCH)?;
        let y = b.relu("relu", y)?;
        let weight = b.global_avg_pool("squeeze", y)?;
        let weight = b.conv2d("excite", weight, Conv::new(channels, 1).bias())?;
        let weight = b.activation("gate", weight, Unary::Sigmoid)?;
        b.product("scaled", y, weight)
    })
}

fn main() -> Result<(), atrous::Error> {
    let device = Device::from_env_blocking()?;
    let size = [32, 32];
    let (pictures, unseen) = (Shapes::new(256, size, 1)?, Shapes::new(64, size, 2)?);
    let network = SeUnet { classes: pictures.class_names().len(), width: 8, depth: 2 };

    // As a predictor prepares photographs for the network.
    let options = LoaderOptions::new(8, size, Preprocess::new(network.info().normalize));
    let train = Loader::new(Arc::new(pictures), LoaderOptions { shuffle: true, ..options })?;
    let unseen = Loader::new(Arc::new(unseen), options)?;
    let options = TrainOptions { epochs: 4, lr: 0.01, ..TrainOptions::default() };
    let mut trainer = Trainer::builder(&device, network, train).validate(unseen).options(options).build()?;
    let outcome = trainer.fit()?;
    if let Some(mean) = trainer.evaluate()?.and_then(|figures| figures.metrics.get("mean_iou").copied()) {
        println!("mean IoU {mean:.3} on unseen pictures after {} steps", outcome.steps);
    }
    Ok(())
}
