//! The common parts of the networks of segmentation-models-pytorch.

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use crate::layers::{Conv, Norm};
use crate::{Builder, Feature};

/// The module `name`: convolution `0`, batch normalisation `1`, ReLU `2`.
pub(super) fn conv_relu(b: &mut Builder, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.conv2d("0", x, conv)?;
        let y = b.batch_norm("1", y, Norm::TORCH)?;
        b.relu("2", y)
    })
}

/// The module `segmentation_head`: a convolution to classes with bias, and bilinear up-sampling to the size of `image` with
/// aligned corners.
pub(super) fn head(b: &mut Builder, x: NodeId, conv: Conv, image: NodeId) -> Result<NodeId, GraphError> {
    let Shape { h, w, .. } = b.shape(image);
    b.head(x, |b, x| {
        b.module("segmentation_head", |b| {
            let mut y = b.conv2d("0", x, conv.bias())?;
            if (b.shape(y).h, b.shape(y).w) == (h, w) {
                b.label("1", y);
            } else {
                y = b.resize_bilinear("1", y, [h, w], Coordinates::AlignCorners)?;
            }
            b.label("2.activation", y);
            b.label("2", y);
            Ok(y)
        })
    })
}

/// The last feature of each stride, finest first.
pub(super) fn by_stride(features: &[Feature]) -> Vec<Feature> {
    let last = |i: usize| features.get(i + 1).is_none_or(|next| next.stride != features[i].stride);
    (0..features.len()).filter(|i| last(*i)).map(|i| features[i]).collect()
}
