//! What the networks of segmentation-models-pytorch have in common.

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Preprocessing, Task};
use crate::Builder;
use crate::layers::{Conv, Norm};

/// Images and task of all of them.
pub(super) const fn info(classes: usize) -> Info {
    Info {
        task: Task::Segmentation,
        size: [512, 512],
        shorter_side: None,
        in_channels: 3,
        classes,
        preprocessing: Preprocessing::IMAGENET,
    }
}

/// The module `name`: convolution `0`, batch normalisation `1`, ReLU `2`.
pub(super) fn conv_relu(b: &mut Builder, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.conv2d("0", x, conv)?;
        let y = b.batch_norm("1", y, Norm::TORCH)?;
        b.relu("2", y)
    })
}

/// The module `segmentation_head`: a convolution to classes with bias, and bilinear up-sampling by `scale` with aligned
/// corners.
pub(super) fn head(b: &mut Builder, x: NodeId, conv: Conv, scale: usize) -> Result<NodeId, GraphError> {
    b.module("segmentation_head", |b| {
        let mut y = b.conv2d("0", x, conv.bias())?;
        if scale > 1 {
            y = upsample(b, "1", y, scale)?;
        } else {
            b.label("1", y);
        }
        b.label("2.activation", y);
        b.label("2", y);
        Ok(y)
    })
}

/// Bilinear up-sampling by `scale` with aligned corners.
pub(super) fn upsample(b: &mut Builder, name: &str, x: NodeId, scale: usize) -> Result<NodeId, GraphError> {
    let Shape { h, w, .. } = b.shape(x);
    b.resize_bilinear(name, x, [h * scale, w * scale], Coordinates::AlignCorners)
}
