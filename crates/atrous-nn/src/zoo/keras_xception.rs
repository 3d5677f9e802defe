//! Xception as Keras builds it (Chollet, "Xception", arXiv:1610.02357).

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use super::classifier;
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Built, Encoder, Info, Naming, Network, Normalize, Stage};

const NORM: Norm = Norm::keras(1e-3, 0.99);

/// `keras.applications.Xception`; the result is logits.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::KerasXception;
/// use atrous_nn::{Mode, Network};
///
/// let network = KerasXception { classes: 10 };
/// let model = network.build("net", Shape::new(1, 299, 299, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 1, 1, 10));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KerasXception {
    /// Classes of the dense layer.
    pub classes: usize,
}

impl Default for KerasXception {
    fn default() -> Self {
        Self { classes: 1000 }
    }
}

impl Network for KerasXception {
    fn info(&self) -> Info {
        Info { size: [299, 299], shorter_side: None, normalize: Normalize::Tf, ..Info::classification(self.classes) }
    }

    fn naming(&self) -> Naming {
        Naming::Keras
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let features = self.features(b, x, None)?;
        classifier(b, features, ["avg_pool", "predictions"], self.classes)
    }
}

impl Encoder for KerasXception {
    fn strides(&self) -> Vec<usize> {
        vec![2, 4, 8, 16, 32]
    }

    /// The stages are the blocks 1, 2, 3, 4 to 12, and 13 to 14. Maps are slightly smaller than the image divided by the strides, since the
    /// convolutions of block 1 have no padding.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        b.named_as(Naming::Keras, |b| match stage.number {
            0 => stem(b, x),
            1 => strided(b, 2, x, [128, 128], stage),
            2 => strided(b, 3, x, [256, 256], stage),
            3 => {
                let y = strided(b, 4, x, [728, 728], stage)?;
                (5..=12).try_fold(y, |y, block| middle(b, block, y, stage.rest))
            }
            _ => {
                let y = strided(b, 13, x, [728, 1024], stage)?;
                [(1, 1536), (2, 2048)].into_iter().try_fold(y, |y, (unit, out)| {
                    let name = format!("block14_sepconv{unit}");
                    let y = separable(b, &name, y, out, stage.rest)?;
                    b.relu(&format!("{name}_act"), y)
                })
            }
        })
    }
}

fn stem(b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
    let y = b.conv2d("block1_conv1", x, Conv::new(32, 3).stride(2))?;
    let y = b.batch_norm("block1_conv1_bn", y, NORM)?;
    let y = b.relu("block1_conv1_act", y)?;
    let y = b.conv2d("block1_conv2", y, Conv::new(64, 3))?;
    let y = b.batch_norm("block1_conv2_bn", y, NORM)?;
    b.relu("block1_conv2_act", y)
}

/// Two separable convolutions and a max-pool of stride 2, beside a 1×1 convolution of stride 2. Keras numbers the unnamed
/// layers of the shortcut and the addition by stage.
fn strided(b: &mut Builder, block: usize, x: NodeId, out: [usize; 2], stage: Stage) -> Result<NodeId, GraphError> {
    let number = if stage.number == 1 { String::new() } else { format!("_{}", stage.number - 1) };
    let mut y = x;
    for (i, out) in out.into_iter().enumerate() {
        let name = format!("block{block}_sepconv{}", i + 1);
        if (block, i) != (2, 0) {
            y = b.relu(&format!("{name}_act"), y)?;
        }
        y = separable(b, &name, y, out, stage.first)?;
    }
    let shortcut = b.conv2d(&format!("conv2d{number}"), x, Conv::new(out[1], 1).stride(stage.step).same())?;
    let y = b.max_pool(&format!("block{block}_pool"), y, Pool::new(3, stage.step).same())?;
    let shortcut = b.batch_norm(&format!("batch_normalization{number}"), shortcut, NORM)?;
    b.sum(&format!("add{}", if block == 13 { "_11" } else { &number }), y, shortcut)
}

/// Three separable convolutions of 728 channels beside the identity.
fn middle(b: &mut Builder, block: usize, x: NodeId, dilation: usize) -> Result<NodeId, GraphError> {
    let mut y = x;
    for unit in 1..=3 {
        let name = format!("block{block}_sepconv{unit}");
        y = b.relu(&format!("{name}_act"), y)?;
        y = separable(b, &name, y, 728, dilation)?;
    }
    b.sum(&format!("add_{}", block - 2), y, x)
}

fn separable(b: &mut Builder, name: &str, x: NodeId, out: usize, dilation: usize) -> Result<NodeId, GraphError> {
    let y = b.separable_conv2d(name, x, Conv::new(out, 3).same().dilation(dilation))?;
    b.batch_norm(&format!("{name}_bn"), y, NORM)
}
