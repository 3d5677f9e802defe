//! Residual networks for small images (He et al., arXiv:1512.03385, section 4.2, their networks for CIFAR-10), with projections
//! where the shape changes.

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Block, Info, Network, Preprocessing, Task, invalid};
use crate::init::LayerInit;
use crate::layers::{Conv, Norm};
use crate::{Builder, Mode, Model, Naming};

/// A ResNet classifier with a 3×3 stem of stride 1 and three stages of basic blocks, whose widths double: `6*blocks + 2` layers.
/// It takes images from 4×4 pixels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallResNet {
    /// Blocks in each stage.
    pub blocks: usize,
    /// Channels of the stem and the first stage.
    pub width: usize,
    /// Classes of the linear layer.
    pub classes: usize,
}

impl Default for SmallResNet {
    /// One block a stage, 16, 32 and 64 channels, 10 classes.
    fn default() -> Self {
        Self { blocks: 1, width: 16, classes: 10 }
    }
}

impl SmallResNet {
    fn features(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let y = b.conv2d("conv1", x, Conv::new(self.width, 3).padding(1))?;
        let y = b.batch_norm("bn1", y, Norm::TORCH)?;
        let mut y = b.relu("relu", y)?;
        for stage in 0..3 {
            y = b.module(&format!("layer{}", stage + 1), |b| {
                let mut y = y;
                for block in 0..self.blocks {
                    let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                    let width = self.width << stage;
                    y = b.module(&block.to_string(), |b| Block::Basic.add(b, y, width, stride, 1))?;
                }
                Ok(y)
            })?;
        }
        Ok(y)
    }
}

impl Network for SmallResNet {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [32, 32],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::HALF,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        if !(1..=1 << 16).contains(&self.width) {
            return Err(invalid(name, format!("the width must lie in 1..=65536, got {}", self.width)));
        }
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let y = b.initialized(LayerInit::RESNET, |b| self.features(b, x))?;
        let y = b.global_avg_pool("avgpool", y)?;
        let logits = b.linear("fc", y, self.classes, true)?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
}
