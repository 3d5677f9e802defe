//! The modified aligned Xception-65 of DeepLabV3+ (arXiv:1802.02611), as timm builds it.

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, Preprocessing, Task, invalid};
use crate::layers::{Conv, Norm};
use crate::{Builder, Mode, Model, Naming};

/// What goes around the three separable convolutions of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// A 1×1 convolution with batch normalisation.
    Conv,
    /// Nothing: the block's input is added.
    Identity,
    /// There is none.
    None,
}

/// One block: three separable convolutions, the stride on the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct XceptionBlock {
    /// Channels of the three.
    pub(super) depths: [usize; 3],
    /// What goes around them.
    pub(super) skip: Skip,
    /// Stride of the third and of the shortcut.
    pub(super) stride: usize,
    /// Dilation of all three.
    pub(super) rate: usize,
}

/// The backbone's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XceptionPlan {
    /// Input pixels per pixel of the result: 32, 16 or 8. Once reached, strides become dilations of what follows.
    pub output_stride: usize,
    /// Blocks of the middle flow.
    pub middle: usize,
    /// Channels of the first block, 128 in the paper. All others, also those of DeepLabV3+, are in proportion, rounded up to
    /// multiples of 4.
    pub width: usize,
}

impl XceptionPlan {
    /// The paper's width.
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
    /// For an output stride other than 8, 16 and 32, and widths outside of 1..=65536.
    pub(super) fn blocks(self, name: &str) -> Result<Vec<XceptionBlock>, GraphError> {
        if ![8, 16, 32].contains(&self.output_stride) {
            return Err(invalid(name, format!("the output stride must be 8, 16 or 32, got {}", self.output_stride)));
        }
        if !(1..=1 << 16).contains(&self.width) {
            return Err(invalid(name, format!("the width must lie in 1..=65536, got {}", self.width)));
        }
        let entry = [128, 256, 728].map(|depth| ([depth; 3], Skip::Conv, 2));
        let middle = vec![([728; 3], Skip::Identity, 1); self.middle];
        let exit = [([728, 1024, 1024], Skip::Conv, 2), ([1536, 1536, 2048], Skip::None, 1)];
        let (mut reached, mut rate) = (2, 1);
        let planned = entry.into_iter().chain(middle).chain(exit);
        Ok(planned
            .map(|(depths, skip, natural)| {
                let block_rate = rate;
                let stride = if reached == self.output_stride {
                    rate *= natural;
                    1
                } else {
                    reached *= natural;
                    natural
                };
                XceptionBlock { depths: depths.map(|depth| self.scaled(depth)), skip, stride, rate: block_rate }
            })
            .collect())
    }
}

const NORM: Norm = Norm::torch(1e-3, 0.1);

/// timm's `xception65`.
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

impl Xception65 {
    /// Adds the convolutional part: the result has 2048 channels (at the paper's width) at the output stride.
    ///
    /// # Errors
    /// For an output stride other than 8, 16 and 32, a width out of range and images that are too small.
    pub fn features(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let blocks = self.plan.blocks("xception65")?;
        let [first, second] = [32, 64].map(|channels| self.plan.scaled(channels));
        let x = b.module("stem", |b| {
            let y = conv_norm(b, "0", x, Conv::new(first, 3).stride(2).padding(1), true)?;
            conv_norm(b, "1", y, Conv::new(second, 3).padding(1), true)
        })?;
        b.module("blocks", |b| {
            let mut y = x;
            for (i, block) in blocks.into_iter().enumerate() {
                y = b.module(&i.to_string(), |b| residual(b, y, block))?;
            }
            Ok(y)
        })
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
            preprocessing: Preprocessing::HALF,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let y = self.features(&mut b, x)?;
        b.label("act", y);
        let logits = b.module("head", |b| {
            let y = b.global_avg_pool("global_pool.pool", y)?;
            for name in ["global_pool.flatten", "global_pool", "drop"] {
                b.label(name, y);
            }
            let y = b.linear("fc", y, self.classes, true)?;
            b.label("flatten", y);
            Ok(y)
        })?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
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

/// A module that does nothing: only its name is added.
fn identity(b: &mut Builder, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
    b.label(name, x);
    Ok(x)
}
