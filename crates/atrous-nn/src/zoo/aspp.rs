//! Atrous spatial pyramid pooling as torchvision and segmentation-models-pytorch build it (Chen et al., arXiv:1706.05587).

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use crate::Builder;
use crate::layers::{Conv, Norm};

/// The modules `convs.0` to `convs.4` and `project`: 1×1, three atrous 3×3, image pooling; concat; 1×1 and dropout 0.5.
pub(super) struct Aspp {
    /// Channels of every branch and of the result.
    pub(super) out: usize,
    /// Dilations of the 3×3 branches.
    pub(super) rates: [usize; 3],
    /// Whether the 3×3 branches are separable, with nothing between the depthwise and the pointwise convolution.
    pub(super) separable: bool,
}

impl Aspp {
    /// Adds the modules: `N×H×W×C` to `N×H×W×out`.
    pub(super) fn add(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let branches = b.scope("convs", |b| self.branches(b, x))?;
        let y = b.concat("concat", &branches)?;
        b.module("project", |b| {
            let y = b.conv2d("0", y, Conv::new(self.out, 1))?;
            let y = norm_relu(b, 1, y)?;
            b.dropout("3", y, 0.5)
        })
    }

    fn branches(&self, b: &mut Builder, x: NodeId) -> Result<[NodeId; 5], GraphError> {
        let one = b.module("0", |b| {
            let y = b.conv2d("0", x, Conv::new(self.out, 1))?;
            norm_relu(b, 1, y)
        })?;
        let mut branches = [one; 5];
        for (i, rate) in (1..).zip(self.rates) {
            branches[i] = b.module(&i.to_string(), |b| {
                let conv = Conv::new(self.out, 3).padding(rate).dilation(rate);
                let y = if self.separable { separable(b, "0", x, conv) } else { b.conv2d("0", x, conv) }?;
                norm_relu(b, 1, y)
            })?;
        }
        let Shape { h, w, .. } = b.shape(x);
        branches[4] = b.module("4", |b| {
            let y = b.global_avg_pool("0", x)?;
            let y = b.conv2d("1", y, Conv::new(self.out, 1))?;
            let y = norm_relu(b, 2, y)?;
            b.resize_bilinear("resize", y, [h, w], Coordinates::HalfPixel)
        })?;
        Ok(branches)
    }
}

/// The module `name`: depthwise convolution `0` with the window of `conv`, pointwise convolution `1` to its channels.
pub(super) fn separable(b: &mut Builder, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.depthwise("0", x, 1, conv)?;
        b.conv2d("1", y, Conv::new(conv.channels(), 1))
    })
}

/// Batch normalisation called `number` and ReLU called `number + 1`.
pub(super) fn norm_relu(b: &mut Builder, number: usize, x: NodeId) -> Result<NodeId, GraphError> {
    let y = b.batch_norm(&number.to_string(), x, Norm::TORCH)?;
    b.relu(&(number + 1).to_string(), y)
}
