//! A small Xception for small images: the blocks of Chollet, arXiv:1610.02357, in Keras' names and with Keras' rules.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use super::{classifier, invalid};
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Built, Encoder, Info, Naming, Network, Normalize, Stage};

/// Keras' default momentum of 0.99 needs hundreds of steps to approach the statistics, which are the length of a training on small
/// images; so 0.9 is used.
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
        Info { size: [32, 32], shorter_side: None, normalize: Normalize::Tf, ..Info::classification(self.classes) }
    }

    fn naming(&self) -> Naming {
        Naming::Keras
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let features = self.features(b, x, None)?;
        classifier(b, features, ["avg_pool", "predictions"], self.classes)
    }
}

impl Encoder for SmallXception {
    fn strides(&self) -> Vec<usize> {
        vec![1, 2, 4]
    }

    /// The stem, `entry` and `middle`, `exit` and `last`.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        let width = self.width;
        if !(1..=1 << 16).contains(&width) {
            return Err(invalid(b, format!("the width must lie in 1..=65536, got {width}")));
        }
        b.named_as(Naming::Keras, |b| match stage.number {
            0 => {
                let y = b.conv2d("stem_conv", x, Conv::new(width, 3).same())?;
                b.batch_norm("stem_bn", y, NORM)
            }
            1 => {
                let y = strided(b, "entry", x, 2 * width, stage)?;
                (1..=self.middle).try_fold(y, |y, block| middle(b, &format!("middle{block}"), y, stage.rest))
            }
            _ => {
                let y = strided(b, "exit", x, 4 * width, stage)?;
                let y = unit(b, "last", y, 8 * width, stage.rest)?;
                b.relu("last_act", y)
            }
        })
    }
}

/// ReLU, separable 3×3 convolution and batch normalisation.
fn unit(b: &mut Builder, name: &str, x: NodeId, out: usize, dilation: usize) -> Result<NodeId, GraphError> {
    let y = b.relu(&format!("{name}_sepconv_act"), x)?;
    let y = b.separable_conv2d(&format!("{name}_sepconv"), y, Conv::new(out, 3).same().dilation(dilation))?;
    b.batch_norm(&format!("{name}_sepconv_bn"), y, NORM)
}

/// Two units and a max-pool of the stage's stride, beside a 1×1 convolution of that stride.
fn strided(b: &mut Builder, name: &str, x: NodeId, out: usize, stage: Stage) -> Result<NodeId, GraphError> {
    let y = unit(b, &format!("{name}_1"), x, out, stage.first)?;
    let y = unit(b, &format!("{name}_2"), y, out, stage.first)?;
    let y = b.max_pool(&format!("{name}_pool"), y, Pool::new(3, stage.step).same())?;
    let shortcut = b.conv2d(&format!("{name}_shortcut_conv"), x, Conv::new(out, 1).stride(stage.step).same())?;
    let shortcut = b.batch_norm(&format!("{name}_shortcut_bn"), shortcut, NORM)?;
    b.sum(&format!("{name}_add"), y, shortcut)
}

/// Three units beside the identity.
fn middle(b: &mut Builder, name: &str, x: NodeId, dilation: usize) -> Result<NodeId, GraphError> {
    let out = b.shape(x).c;
    let mut y = x;
    for number in 1..=3 {
        y = unit(b, &format!("{name}_{number}"), y, out, dilation)?;
    }
    b.sum(&format!("{name}_add"), y, x)
}
