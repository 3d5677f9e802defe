//! Networks, one file per family, and ways to get one by name.
//!
//! [`build`] and [`network`] take the names that [`names`] lists. Each name stands for a configuration such as [`ResNet`] or [`UNet`];
//! configurations can also be made and built directly.

mod aspp;
mod deeplab_xception65;
mod keras_resnet;
mod keras_xception;
mod registry;
mod resnet;
mod small_resnet;
mod small_xception;
mod smp;
mod smp_deeplab;
mod smp_pspnet;
mod smp_unet;
mod torchvision_seg;
mod unet;
mod xception65;

pub use deeplab_xception65::DeepLabXception65;
pub use keras_resnet::KerasResNet;
pub use keras_xception::KerasXception;
pub use registry::{build, names, network};
pub use resnet::{Block, ResNet, ResNetEncoder};
pub use small_resnet::SmallResNet;
pub use small_xception::SmallXception;
pub use smp_deeplab::SmpDeepLabV3Plus;
pub use smp_pspnet::SmpPspNet;
pub use smp_unet::SmpUnet;
pub use torchvision_seg::{SegmentationHead, TorchvisionSegmentation};
pub use unet::{UNet, UpSampling};
pub use xception65::{Xception65, XceptionPlan};

use atrous_graph::{GraphError, NodeId, Shape};

use crate::{Builder, Built, Dilation, DilationRule, Encoder, Feature, Mode};

/// What to change from a network's defaults.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{self, BuildOptions};
///
/// let options = BuildOptions { input: Some((4, 160, 96)), classes: Some(7), ..BuildOptions::default() };
/// let model = zoo::build("resnet18", &options)?;
/// assert_eq!(model.output_shape(), Shape::new(4, 1, 1, 7));
/// # Ok::<(), zoo::ZooError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Batch, height and width; `None` for one image of [`crate::Info::size`].
    pub input: Option<(usize, usize, usize)>,
    /// Number of classes; `None` for [`crate::Info::classes`].
    pub classes: Option<usize>,
    /// Channels of the image; `None` for [`crate::Info::in_channels`].
    pub in_channels: Option<usize>,
    /// What the graph is for.
    pub mode: Mode,
}

/// Why the zoo cannot build a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZooError {
    /// There is no network of this name.
    #[error("no network is named {name:?}; similar names: {similar}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// Similar names.
        similar: String,
    },
    /// The network cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// The head of a classifier on the last of its feature maps: global pooling and a linear layer, with these names.
fn classifier(
    b: &mut Builder,
    features: Vec<Feature>,
    [pool, linear]: [&str; 2],
    classes: usize,
) -> Result<Built, GraphError> {
    let logits = b.head(deepest(b, &features)?, |b, y| {
        let y = b.global_avg_pool(pool, y)?;
        b.linear(linear, y, classes, true)
    })?;
    Ok(Built::from(logits).with_features(features))
}

/// Pixels of the image per pixel of an encoder's last map.
fn last_stride(encoder: &dyn Encoder) -> usize {
    encoder.strides().last().map_or(1, |stride| (*stride).max(1))
}

/// The dilation of an encoder for this output stride, or for its own last stride if that is smaller.
fn dilated(encoder: &dyn Encoder, output_stride: usize, rule: DilationRule) -> Dilation {
    Dilation { output_stride: output_stride.min(last_stride(encoder)), rule }
}

/// The last of an encoder's features.
fn deepest(b: &Builder, features: &[Feature]) -> Result<NodeId, GraphError> {
    features.last().map(|f| f.node).ok_or_else(|| invalid(b, "the encoder has no features"))
}

/// An error of the network that is being built as a whole.
fn invalid(b: &Builder, reason: impl Into<String>) -> GraphError {
    b.invalid("network", "", reason.into())
}

/// Checks that the image's sides are multiples of `step`.
fn check_multiple(b: &Builder, Shape { h, w, .. }: Shape, step: usize) -> Result<(), GraphError> {
    if h.is_multiple_of(step) && w.is_multiple_of(step) {
        return Ok(());
    }
    let up = |n: usize| n.next_multiple_of(step);
    Err(invalid(b, format!("height and width must be multiples of {step}, got {h}×{w}; {}×{} fits", up(h), up(w))))
}
