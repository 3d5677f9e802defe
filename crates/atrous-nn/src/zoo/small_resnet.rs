//! Residual networks for small images (He et al., arXiv:1512.03385, section 4.2, their networks for CIFAR-10), with projections
//! where the shape changes.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use super::{Block, classifier, invalid};
use crate::init::LayerInit;
use crate::layers::{Conv, Norm};
use crate::{Builder, Built, Encoder, Info, Network, Normalize, Stage};

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

impl Encoder for SmallResNet {
    fn strides(&self) -> Vec<usize> {
        vec![1, 2, 4]
    }

    /// `layer1` to `layer3`; the stem belongs to the first.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        if !(1..=1 << 16).contains(&self.width) {
            return Err(invalid(b, format!("the width must lie in 1..=65536, got {}", self.width)));
        }
        b.initialized(LayerInit::RESNET, |b| {
            let mut y = x;
            if stage.number == 0 {
                y = b.conv2d("conv1", y, Conv::new(self.width, 3).padding(1))?;
                y = b.batch_norm("bn1", y, Norm::TORCH)?;
                y = b.relu("relu", y)?;
            }
            b.module(&format!("layer{}", stage.number + 1), |b| {
                for block in 0..self.blocks {
                    let (step, dilation) = if block == 0 { (stage.step, stage.first) } else { (1, stage.rest) };
                    let width = self.width << stage.number;
                    y = b.module(&block.to_string(), |b| Block::Basic.add(b, y, width, step, dilation))?;
                }
                Ok(y)
            })
        })
    }
}

impl Network for SmallResNet {
    fn info(&self) -> Info {
        Info { size: [32, 32], shorter_side: None, normalize: Normalize::HALF, ..Info::classification(self.classes) }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let features = self.features(b, x, None)?;
        classifier(b, features, ["avgpool", "fc"], self.classes)
    }
}
