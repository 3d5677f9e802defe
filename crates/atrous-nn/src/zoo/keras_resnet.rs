//! Residual networks as Keras builds them (`keras.applications.ResNet50`): strides on the first 1×1 convolution, biases,
//! explicit zero padding. Images are BGR, see [`Normalize::Caffe`].

use std::sync::Arc;

use atrous_graph::op::Padding;
use atrous_graph::{GraphError, NodeId};

use super::classifier;
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Built, Encoder, Info, Naming, Network, Normalize, Stage};

const NORM: Norm = Norm::keras(1.001e-5, 0.99);

/// A Keras ResNet (version 1) classifier; the result is logits.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::KerasResNet;
/// use atrous_nn::{Mode, Network};
///
/// let network = KerasResNet { classes: 10, ..KerasResNet::RESNET50 };
/// let model = network.build("net", Shape::new(1, 224, 224, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 1, 1, 10));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KerasResNet {
    /// Bottlenecks in each stage.
    pub stages: [usize; 4],
    /// Classes of the dense layer.
    pub classes: usize,
}

impl KerasResNet {
    /// `keras.applications.ResNet50`.
    pub const RESNET50: Self = Self { stages: [3, 4, 6, 3], classes: 1000 };
    /// `keras.applications.ResNet101`.
    pub const RESNET101: Self = Self { stages: [3, 4, 23, 3], classes: 1000 };
    /// `keras.applications.ResNet152`.
    pub const RESNET152: Self = Self { stages: [3, 8, 36, 3], classes: 1000 };
}

impl Network for KerasResNet {
    fn info(&self) -> Info {
        Info { shorter_side: None, normalize: Normalize::CAFFE, ..Info::classification(self.classes) }
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

impl Encoder for KerasResNet {
    fn strides(&self) -> Vec<usize> {
        vec![2, 4, 8, 16, 32]
    }

    /// `conv1`, or `conv2` to `conv5`; max-pooling belongs to the first of them.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        b.named_as(Naming::Keras, |b| {
            if stage.number == 0 {
                return stem(b, x);
            }
            let (mut y, mut step) = (x, stage.step);
            if stage.number == 1 {
                y = b.zero_pad("pool1_pad", y, Padding::symmetric(1, 1))?;
                (y, step) = (b.max_pool("pool1_pool", y, Pool::new(3, 2))?, 1);
            }
            for block in 1..=*self.stages.get(stage.number - 1).ok_or_else(|| stage.unknown(b))? {
                let name = format!("conv{}_block{block}", stage.number + 1);
                let (step, dilation) = if block == 1 { (step, stage.first) } else { (1, stage.rest) };
                y = bottleneck(
                    b,
                    &name,
                    y,
                    Bottleneck { width: 32 << stage.number, step, dilation, project: block == 1 },
                )?;
            }
            Ok(y)
        })
    }
}

fn stem(b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
    let y = b.zero_pad("conv1_pad", x, Padding::symmetric(3, 3))?;
    let y = b.conv2d("conv1_conv", y, Conv::new(64, 7).stride(2).bias())?;
    let y = b.batch_norm("conv1_bn", y, NORM)?;
    b.relu("conv1_relu", y)
}

/// A residual block.
struct Bottleneck {
    width: usize,
    step: usize,
    dilation: usize,
    /// Whether the shortcut is a convolution instead of the identity.
    project: bool,
}

fn bottleneck(b: &mut Builder, name: &str, x: NodeId, block: Bottleneck) -> Result<NodeId, GraphError> {
    let Bottleneck { width, step, dilation, project } = block;
    let at = |part: &str| format!("{name}_{part}");
    let y = b.conv2d(&at("1_conv"), x, Conv::new(width, 1).stride(step).bias())?;
    let y = b.batch_norm(&at("1_bn"), y, NORM)?;
    let y = b.relu(&at("1_relu"), y)?;
    let y = b.conv2d(&at("2_conv"), y, Conv::new(width, 3).same().dilation(dilation).bias())?;
    let y = b.batch_norm(&at("2_bn"), y, NORM)?;
    let y = b.relu(&at("2_relu"), y)?;
    let mut shortcut = x;
    if project {
        shortcut = b.conv2d(&at("0_conv"), x, Conv::new(4 * width, 1).stride(step).bias())?;
    }
    let y = b.conv2d(&at("3_conv"), y, Conv::new(4 * width, 1).bias())?;
    if project {
        shortcut = b.batch_norm(&at("0_bn"), shortcut, NORM)?;
    }
    let y = b.batch_norm(&at("3_bn"), y, NORM)?;
    let y = b.sum(&at("add"), shortcut, y)?;
    b.relu(&at("out"), y)
}
