//! Residual networks as torchvision builds them (He et al., "Deep Residual Learning", arXiv:1512.03385), in the "v1.5" form:
//! bottlenecks stride on their 3×3 convolution.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use super::classifier;
use crate::init::LayerInit;
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Built, Dilation, DilationRule, Encoder, Info, Network, Stage};

/// The kinds of residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3, and 1×1 to four times the width.
    Bottleneck,
}

impl Block {
    /// Channels of the result over the block's width.
    pub const fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }

    /// Adds the block: `width` channels inside, the stride on its first 3×3 convolution.
    pub(super) fn add(
        self,
        b: &mut Builder,
        x: NodeId,
        width: usize,
        stride: usize,
        dilation: usize,
    ) -> Result<NodeId, GraphError> {
        let out = width * self.expansion();
        let spatial = Conv::new(width, 3).padding(dilation).dilation(dilation);
        let y = match self {
            Self::Basic => {
                let y = b.conv2d("conv1", x, spatial.stride(stride))?;
                let y = b.batch_norm("bn1", y, Norm::TORCH)?;
                let y = b.relu("relu", y)?;
                let y = b.conv2d("conv2", y, spatial)?;
                b.batch_norm("bn2", y, Norm::TORCH)?
            }
            Self::Bottleneck => {
                let y = b.conv2d("conv1", x, Conv::new(width, 1))?;
                let y = b.batch_norm("bn1", y, Norm::TORCH)?;
                let y = b.relu("relu", y)?;
                let y = b.conv2d("conv2", y, spatial.stride(stride))?;
                let y = b.batch_norm("bn2", y, Norm::TORCH)?;
                let y = b.relu("relu", y)?;
                let y = b.conv2d("conv3", y, Conv::new(out, 1))?;
                b.batch_norm("bn3", y, Norm::TORCH)?
            }
        };
        let shortcut = if stride == 1 && b.shape(x).c == out {
            x
        } else {
            b.module("downsample", |b| {
                let y = b.conv2d("0", x, Conv::new(out, 1).stride(stride))?;
                b.batch_norm("1", y, Norm::TORCH)
            })?
        };
        let y = b.sum("add", y, shortcut)?;
        b.relu("relu", y)
    }
}

/// The convolutional part: stem and four stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNetEncoder {
    /// The kind of its residual blocks.
    pub block: Block,
    /// Blocks in each stage.
    pub stages: [usize; 4],
}

impl ResNetEncoder {
    /// ResNet-18.
    pub const RESNET18: Self = Self { block: Block::Basic, stages: [2, 2, 2, 2] };
    /// ResNet-34.
    pub const RESNET34: Self = Self { block: Block::Basic, stages: [3, 4, 6, 3] };
    /// ResNet-50.
    pub const RESNET50: Self = Self { block: Block::Bottleneck, stages: [3, 4, 6, 3] };
    /// ResNet-101.
    pub const RESNET101: Self = Self { block: Block::Bottleneck, stages: [3, 4, 23, 3] };
    /// ResNet-152.
    pub const RESNET152: Self = Self { block: Block::Bottleneck, stages: [3, 8, 36, 3] };

    /// Channels of the five feature maps.
    pub const fn channels(&self) -> [usize; 5] {
        let e = self.block.expansion();
        [64, 64 * e, 128 * e, 256 * e, 512 * e]
    }
}

impl Encoder for ResNetEncoder {
    fn strides(&self) -> Vec<usize> {
        vec![2, 4, 8, 16, 32]
    }

    /// The stem, or `layer1` to `layer4`; max-pooling belongs to the first of them. torchvision has no basic
    /// blocks with [`DilationRule::FirstBlockKeeps`].
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        let Stage { number, stride, step, first, rest } = stage;
        if self.block == Block::Basic && first != rest {
            let reason = format!("output stride {stride} with torchvision's basic blocks");
            return Err(GraphError::Unsupported { op: "resnet", node: b.path(&format!("layer{number}")), reason });
        }
        if number == 0 {
            return stem(b, x);
        }
        // The stride of `layer1` is that of the max-pooling.
        let (x, step) = match number {
            1 => (b.max_pool("maxpool", x, Pool::new(3, 2).padding(1))?, 1),
            _ => (x, step),
        };
        b.module(&format!("layer{number}"), |b| {
            let mut y = x;
            for i in 0..*self.stages.get(number - 1).ok_or_else(|| stage.unknown(b))? {
                let (step, dilation) = if i == 0 { (step, first) } else { (1, rest) };
                y = b.module(&i.to_string(), |b| {
                    b.initialized(LayerInit::RESNET, |b| self.block.add(b, y, 32 << number, step, dilation))
                })?;
            }
            Ok(y)
        })
    }

    fn rule(&self) -> DilationRule {
        match self.block {
            Block::Basic => DilationRule::WholeStage,
            Block::Bottleneck => DilationRule::FirstBlockKeeps,
        }
    }
}

/// 7×7 convolution of stride 2, batch normalisation, ReLU.
fn stem(b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
    let y = b.initialized(LayerInit::RESNET, |b| b.conv2d("conv1", x, Conv::new(64, 7).stride(2).padding(3)))?;
    let y = b.batch_norm("bn1", y, Norm::TORCH)?;
    b.relu("relu", y)
}

/// A ResNet classifier.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{ResNet, ResNetEncoder};
/// use atrous_nn::{Mode, Network};
///
/// let network = ResNet { classes: 10, ..ResNet::new(ResNetEncoder::RESNET18) };
/// let model = network.build("net", Shape::new(1, 224, 224, 3), Mode::Inference)?;
/// assert_eq!(model.num_parameters(), 11_181_642);
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNet {
    /// Stem and stages.
    pub encoder: ResNetEncoder,
    /// Dilations instead of the last strides, torchvision's `replace_stride_with_dilation`.
    pub dilation: Option<Dilation>,
    /// Classes of the linear layer.
    pub classes: usize,
}

impl ResNet {
    /// A classifier of 1000 classes.
    pub const fn new(encoder: ResNetEncoder) -> Self {
        Self { encoder, dilation: None, classes: 1000 }
    }
}

impl Network for ResNet {
    fn info(&self) -> Info {
        Info::classification(self.classes)
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let features = self.encoder.features(b, x, self.dilation)?;
        classifier(b, features, ["avgpool", "fc"], self.classes)
    }
}
