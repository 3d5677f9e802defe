//! Residual networks as torchvision builds them (He et al., "Deep Residual Learning", arXiv:1512.03385), in the "v1.5" form:
//! bottlenecks stride on their 3×3 convolution.

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, Preprocessing, Task};
use crate::init::LayerInit;
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Mode, Model, Naming};

/// The residual block.
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

/// Which dilation a stage gets whose stride was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DilationRule {
    /// torchvision's `replace_stride_with_dilation`: the first block keeps the dilation there was before the stage.
    FirstBlockKeeps,
    /// segmentation-models-pytorch: every convolution of the stage is dilated, the first block's too.
    WholeStage,
}

/// The convolutional part: stem and four stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNetEncoder {
    /// The block.
    pub block: Block,
    /// Blocks in each stage.
    pub stages: [usize; 4],
    /// Input pixels per pixel of the result: 32, 16 or 8. Less than 32 takes the stride from the last stages and dilates
    /// them.
    pub output_stride: usize,
    /// How they are dilated.
    pub rule: DilationRule,
}

impl ResNetEncoder {
    /// ResNet-18 at output stride 32.
    pub const RESNET18: Self = Self::new(Block::Basic, [2, 2, 2, 2]);
    /// ResNet-34 at output stride 32.
    pub const RESNET34: Self = Self::new(Block::Basic, [3, 4, 6, 3]);
    /// ResNet-50 at output stride 32.
    pub const RESNET50: Self = Self::new(Block::Bottleneck, [3, 4, 6, 3]);
    /// ResNet-101 at output stride 32.
    pub const RESNET101: Self = Self::new(Block::Bottleneck, [3, 4, 23, 3]);
    /// ResNet-152 at output stride 32.
    pub const RESNET152: Self = Self::new(Block::Bottleneck, [3, 8, 36, 3]);

    const fn new(block: Block, stages: [usize; 4]) -> Self {
        Self { block, stages, output_stride: 32, rule: DilationRule::FirstBlockKeeps }
    }

    /// The encoder called `resnet18`, `resnet34`, `resnet50`, `resnet101` or `resnet152`; `None` for other names.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "resnet18" => Some(Self::RESNET18),
            "resnet34" => Some(Self::RESNET34),
            "resnet50" => Some(Self::RESNET50),
            "resnet101" => Some(Self::RESNET101),
            "resnet152" => Some(Self::RESNET152),
            _ => None,
        }
    }

    /// The same at another output stride, dilated as `rule` says.
    pub const fn dilated(self, output_stride: usize, rule: DilationRule) -> Self {
        Self { output_stride, rule, ..self }
    }

    /// Channels of the five feature maps.
    pub const fn channels(&self) -> [usize; 5] {
        let e = self.block.expansion();
        [64, 64 * e, 128 * e, 256 * e, 512 * e]
    }

    /// Adds stem and stages. The features are those after the stem's ReLU (stride 2) and after each stage (strides 4, 8,
    /// 16, 32, or the output stride).
    ///
    /// # Errors
    /// For an output stride other than 8, 16 and 32, dilated basic blocks under torchvision's rule, and images that are
    /// too small.
    pub fn features(&self, b: &mut Builder, x: NodeId) -> Result<[NodeId; 5], GraphError> {
        let stem = self.stem(b, x)?;
        let pooled = b.max_pool("maxpool", stem, Pool::new(3, 2).padding(1))?;
        let one = self.stage(b, 1, pooled)?;
        let two = self.stage(b, 2, one)?;
        let three = self.stage(b, 3, two)?;
        let four = self.stage(b, 4, three)?;
        Ok([stem, one, two, three, four])
    }

    /// 7×7 convolution of stride 2, batch normalisation, ReLU.
    pub(super) fn stem(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        if ![8, 16, 32].contains(&self.output_stride) {
            let reason = format!("the output stride must be 8, 16 or 32, got {}", self.output_stride);
            return Err(b.invalid("resnet", "conv1", reason));
        }
        if self.block == Block::Basic && self.output_stride < 32 && self.rule == DilationRule::FirstBlockKeeps {
            let reason = format!("output stride {} with torchvision's basic blocks", self.output_stride);
            return Err(GraphError::Unsupported { op: "resnet", node: b.path("conv1"), reason });
        }
        let y = b.initialized(LayerInit::RESNET, |b| b.conv2d("conv1", x, Conv::new(64, 7).stride(2).padding(3)))?;
        let y = b.batch_norm("bn1", y, Norm::TORCH)?;
        b.relu("relu", y)
    }

    /// Stage 1 to 4, called `layer1` to `layer4`.
    pub(super) fn stage(&self, b: &mut Builder, number: usize, x: NodeId) -> Result<NodeId, GraphError> {
        let (stride, first, rest) = self.strides(number);
        b.module(&format!("layer{number}"), |b| {
            let mut y = x;
            for i in 0..self.stages[number - 1] {
                let (stride, dilation) = if i == 0 { (stride, first) } else { (1, rest) };
                y = b.module(&i.to_string(), |b| {
                    b.initialized(LayerInit::RESNET, |b| self.block.add(b, y, 32 << number, stride, dilation))
                })?;
            }
            Ok(y)
        })
    }

    /// Stride of a stage's first block, its dilation, and that of the other blocks.
    fn strides(&self, number: usize) -> (usize, usize, usize) {
        let natural = if number == 1 { 1 } else { 2 };
        let total = 2usize << number; // input pixels per pixel after the stage, with all strides
        if total <= self.output_stride {
            return (natural, 1, 1);
        }
        let dilation = total / self.output_stride;
        let first = match self.rule {
            DilationRule::FirstBlockKeeps => dilation / 2,
            DilationRule::WholeStage => dilation,
        };
        (1, first, dilation)
    }
}

/// A ResNet classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResNet {
    /// Stem and stages.
    pub encoder: ResNetEncoder,
    /// Classes of the linear layer.
    pub classes: usize,
}

impl ResNet {
    /// A classifier of 1000 classes.
    pub const fn new(encoder: ResNetEncoder) -> Self {
        Self { encoder, classes: 1000 }
    }
}

impl Network for ResNet {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [224, 224],
            shorter_side: Some(256),
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::IMAGENET,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let features = self.encoder.features(&mut b, x)?;
        let pooled = b.global_avg_pool("avgpool", features[4])?;
        let logits = b.linear("fc", pooled, self.classes, true)?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
}
