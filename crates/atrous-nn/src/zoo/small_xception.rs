//! A small Xception for small images: the blocks of Chollet, arXiv:1610.02357, in Keras' names and with Keras' rules.

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, Preprocessing, Task, invalid};
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Mode, Model, Naming};

/// Keras' momentum of 0.99 needs hundreds of steps to follow; small images are learned in as many.
const NORM: Norm = Norm::keras(1e-3, 0.9);

/// A classifier of separable convolutions: a 3×3 stem, a block of stride 2 to twice its width, blocks with an identity around
/// them, a block of stride 2 to four times the width, and a last separable convolution to eight times the width. It takes images
/// from 4×4 pixels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallXception {
    /// Channels of the stem.
    pub width: usize,
    /// Blocks with an identity around them.
    pub middle: usize,
    /// Classes of the dense layer.
    pub classes: usize,
}

impl Default for SmallXception {
    /// Width 16, one middle block, 10 classes.
    fn default() -> Self {
        Self { width: 16, middle: 1, classes: 10 }
    }
}

impl Network for SmallXception {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [32, 32],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::Tf,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let width = self.width;
        if !(1..=1 << 16).contains(&width) {
            return Err(invalid(name, format!("the width must lie in 1..=65536, got {width}")));
        }
        let mut b = Builder::new(Naming::Keras, mode);
        let x = b.input("input", image)?;
        let y = b.conv2d("stem_conv", x, Conv::new(width, 3).same())?;
        let y = b.batch_norm("stem_bn", y, NORM)?;
        let mut y = strided(&mut b, "entry", y, 2 * width)?;
        for block in 1..=self.middle {
            y = middle(&mut b, &format!("middle{block}"), y)?;
        }
        let y = strided(&mut b, "exit", y, 4 * width)?;
        let y = unit(&mut b, "last", y, 8 * width)?;
        let y = b.relu("last_act", y)?;
        let y = b.global_avg_pool("avg_pool", y)?;
        let logits = b.linear("predictions", y, self.classes, true)?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
}

/// ReLU, separable 3×3 convolution and batch normalisation.
fn unit(b: &mut Builder, name: &str, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
    let y = b.relu(&format!("{name}_sepconv_act"), x)?;
    let y = b.separable_conv2d(&format!("{name}_sepconv"), y, Conv::new(out, 3).same())?;
    b.batch_norm(&format!("{name}_sepconv_bn"), y, NORM)
}

/// Two units and a max-pool of stride 2, beside a 1×1 convolution of stride 2.
fn strided(b: &mut Builder, name: &str, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
    let y = unit(b, &format!("{name}_1"), x, out)?;
    let y = unit(b, &format!("{name}_2"), y, out)?;
    let y = b.max_pool(&format!("{name}_pool"), y, Pool::new(3, 2).same())?;
    let shortcut = b.conv2d(&format!("{name}_shortcut_conv"), x, Conv::new(out, 1).stride(2).same())?;
    let shortcut = b.batch_norm(&format!("{name}_shortcut_bn"), shortcut, NORM)?;
    b.sum(&format!("{name}_add"), y, shortcut)
}

/// Three units beside the identity.
fn middle(b: &mut Builder, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
    let out = b.shape(x).c;
    let mut y = x;
    for number in 1..=3 {
        y = unit(b, &format!("{name}_{number}"), y, out)?;
    }
    b.sum(&format!("{name}_add"), y, x)
}
