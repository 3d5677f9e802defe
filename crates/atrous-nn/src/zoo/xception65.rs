//! The modified aligned Xception-65 of DeepLabV3+ (arXiv:1802.02611), as timm builds it.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use super::{deepest, invalid};
use crate::encoder::stages;
use crate::layers::{Conv, Norm};
use crate::{Builder, Built, Dilation, DilationRule, Encoder, Info, Network, Normalize, Stage, Task};

/// The shortcut around the three separable convolutions of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// A 1×1 convolution with batch normalisation.
    Conv,
    /// The identity: the block's input is added.
    Identity,
    /// No shortcut.
    None,
}

/// One block: three separable convolutions, the stride on the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct XceptionBlock {
    /// Channels of the three.
    pub(super) depths: [usize; 3],
    /// The shortcut around them.
    pub(super) skip: Skip,
    /// Stride of the third and of the shortcut.
    pub(super) stride: usize,
    /// Dilation of all three.
    pub(super) rate: usize,
}

/// The backbone's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XceptionPlan {
    /// Input pixels per pixel of the result: 32, 16 or 8. Once it is reached, strides become dilations of the following
    /// blocks.
    pub output_stride: usize,
    /// Blocks of the middle flow.
    pub middle: usize,
    /// Channels of the first block, 128 in the paper. All others, also those of DeepLabV3+, are in proportion, rounded up to
    /// multiples of 4.
    pub width: usize,
}

impl XceptionPlan {
    /// A plan of the paper's width, 128.
    pub const fn new(output_stride: usize, middle: usize) -> Self {
        Self { output_stride, middle, width: 128 }
    }

    /// Channels of a layer that has `channels` in the paper.
    pub(super) const fn scaled(self, channels: usize) -> usize {
        (channels * self.width).div_ceil(128).next_multiple_of(4)
    }

    /// The blocks after the two convolutions of the stem: 3 of the entry flow, those of the middle flow, 2 of the exit
    /// flow.
    ///
    /// # Errors
    /// For an output stride other than 8, 16 and 32, widths outside of 1..=65536, and more than 1024 blocks of the middle flow.
    pub(super) fn blocks(self, b: &Builder) -> Result<Vec<XceptionBlock>, GraphError> {
        self.check(b)?;
        let stages = stages(b, &STRIDES, Some(self.dilation()))?;
        Ok(stages[1..].iter().map(|stage| self.stage(b, *stage)).collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The blocks of a stage: the entry flow is in stages 1 to 3, the middle flow in stage 3, the exit flow in stage 4.
    fn stage(self, b: &Builder, stage: Stage) -> Result<Vec<XceptionBlock>, GraphError> {
        let Stage { step, first, rest, .. } = stage;
        let block = |depths: [usize; 3], skip, stride, rate| XceptionBlock {
            depths: depths.map(|depth| self.scaled(depth)),
            skip,
            stride,
            rate,
        };
        let entry = |depth| block([depth; 3], Skip::Conv, step, first);
        match stage.number {
            1 => Ok(vec![entry(128)]),
            2 => Ok(vec![entry(256)]),
            3 => {
                let mut blocks = vec![entry(728)];
                blocks.resize(1 + self.middle, block([728; 3], Skip::Identity, 1, rest));
                Ok(blocks)
            }
            4 => Ok(vec![
                block([728, 1024, 1024], Skip::Conv, step, first),
                block([1536, 1536, 2048], Skip::None, 1, rest),
            ]),
            _ => Err(stage.unknown(b)),
        }
    }

    fn check(self, b: &Builder) -> Result<(), GraphError> {
        let (middle, width) = (self.middle, self.width);
        if !(1..=1 << 16).contains(&width) {
            return Err(invalid(b, format!("the width must lie in 1..=65536, got {width}")));
        }
        if middle > 1 << 10 {
            return Err(invalid(b, format!("the middle flow may have 1024 blocks, got {middle}")));
        }
        Ok(())
    }

    const fn dilation(self) -> Dilation {
        Dilation { output_stride: self.output_stride, rule: DilationRule::FirstBlockKeeps }
    }
}

/// Strides of the stages.
const STRIDES: [usize; 5] = [2, 4, 8, 16, 32];

const NORM: Norm = Norm::torch(1e-3, 0.1);

/// timm's `xception65`.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{Xception65, XceptionPlan};
/// use atrous_nn::{Mode, Network};
///
/// let network = Xception65 { plan: XceptionPlan::new(16, 16), classes: 10 };
/// let model = network.build("net", Shape::new(1, 299, 299, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 1, 1, 10));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xception65 {
    /// The backbone's size.
    pub plan: XceptionPlan,
    /// Classes of the linear layer.
    pub classes: usize,
}

impl Default for Xception65 {
    fn default() -> Self {
        Self { plan: XceptionPlan::new(32, 16), classes: 1000 }
    }
}

impl Network for Xception65 {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [299, 299],
            shorter_side: Some(318),
            in_channels: 3,
            classes: self.classes,
            normalize: Normalize::HALF,
        }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let features = self.features(b, x, Some(self.plan.dilation()))?;
        let y = deepest(b, &features)?;
        b.label("act", y);
        let logits = b.head(y, |b, y| {
            b.module("head", |b| {
                let y = b.global_avg_pool("global_pool.pool", y)?;
                for name in ["global_pool.flatten", "global_pool", "drop"] {
                    b.label(name, y);
                }
                let y = b.linear("fc", y, self.classes, true)?;
                b.label("flatten", y);
                Ok(y)
            })
        })?;
        Ok(Built::from(logits).with_features(features))
    }
}

impl Encoder for Xception65 {
    fn strides(&self) -> Vec<usize> {
        STRIDES.to_vec()
    }

    /// The stem, blocks 0, 1, 2 with the middle flow, and the exit flow: 2048 channels, at the paper's width.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        self.plan.check(b)?;
        if stage.number == 0 {
            return stem(b, x, self.plan);
        }
        let blocks = self.plan.stage(b, stage)?;
        let first = if stage.number < 4 { stage.number - 1 } else { 3 + self.plan.middle };
        let y = b.scope("blocks", |b| {
            let mut numbered = (first..).zip(blocks);
            numbered.try_fold(x, |y, (i, block)| b.module(&i.to_string(), |b| residual(b, y, block)))
        })?;
        if stage.number == 4 {
            b.label("blocks", y);
        }
        Ok(y)
    }
}

/// Two 3×3 convolutions, the first of stride 2.
fn stem(b: &mut Builder, x: NodeId, plan: XceptionPlan) -> Result<NodeId, GraphError> {
    let [first, second] = [32, 64].map(|channels| plan.scaled(channels));
    b.module("stem", |b| {
        let y = conv_norm(b, "0", x, Conv::new(first, 3).stride(2).padding(1), true)?;
        conv_norm(b, "1", y, Conv::new(second, 3).padding(1), true)
    })
}

/// Convolution and timm's batch normalisation with a built-in activation.
fn conv_norm(b: &mut Builder, name: &str, x: NodeId, conv: Conv, relu: bool) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.conv2d("conv", x, conv)?;
        let y = b.batch_norm_as("bn.drop", "bn", y, NORM)?;
        b.module("bn", |b| if relu { b.relu("act", y) } else { identity(b, "act", y) })
    })
}

fn residual(b: &mut Builder, x: NodeId, block: XceptionBlock) -> Result<NodeId, GraphError> {
    let XceptionBlock { depths, skip, stride, rate } = block;
    let shortcut = match skip {
        Skip::Conv => Some(conv_norm(b, "shortcut", x, Conv::new(depths[2], 1).stride(stride), false)?),
        Skip::Identity => Some(x),
        Skip::None => None,
    };
    let relu_inside = skip == Skip::None;
    let y = b.module("stack", |b| {
        let mut y = x;
        for (i, out) in depths.into_iter().enumerate() {
            if !relu_inside {
                y = b.relu(&format!("act{}", i + 1), y)?;
            }
            let stride = if i == 2 { stride } else { 1 };
            let depthwise = Conv::depthwise(3).stride(stride).padding(rate).dilation(rate);
            y = b.module(&format!("conv{}", i + 1), |b| separable(b, y, out, depthwise, relu_inside))?;
        }
        Ok(y)
    })?;
    match shortcut {
        Some(shortcut) => b.sum("add", y, shortcut),
        None => Ok(y),
    }
}

/// Depthwise and pointwise convolution, each with batch normalisation and, if `relu`, a ReLU.
fn separable(b: &mut Builder, x: NodeId, out: usize, depthwise: Conv, relu: bool) -> Result<NodeId, GraphError> {
    let act = |b: &mut Builder, name: &str, y| if relu { b.relu(name, y) } else { identity(b, name, y) };
    let y = b.depthwise("conv_dw", x, 1, depthwise)?;
    let y = b.batch_norm("bn_dw", y, NORM)?;
    let y = act(b, "act_dw", y)?;
    let y = b.conv2d("conv_pw", y, Conv::new(out, 1))?;
    let y = b.batch_norm("bn_pw", y, NORM)?;
    act(b, "act_pw", y)
}

/// A module that computes nothing: it only adds a name.
fn identity(b: &mut Builder, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
    b.label(name, x);
    Ok(x)
}
