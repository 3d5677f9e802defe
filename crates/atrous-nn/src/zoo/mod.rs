//! Networks, one file per family, and ways to get one by name.
//!
//! [`build`] knows the names that [`names`] lists; [`from_constructor`] reads the line of Python that builds the network in
//! its framework. Both end in a configuration such as [`ResNet`] or [`UNet`], which can be filled in and built directly.

mod aspp;
mod call;
mod constructor;
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
mod tiny;
mod torchvision_seg;
mod unet;
mod xception65;

pub use constructor::from_constructor;
pub use deeplab_xception65::DeepLabXception65;
pub use keras_resnet::KerasResNet;
pub use keras_xception::KerasXception;
pub use registry::{build, names, network};
pub use resnet::{Block, DilationRule, ResNet, ResNetEncoder};
pub use small_resnet::SmallResNet;
pub use small_xception::SmallXception;
pub use smp_deeplab::SmpDeepLabV3Plus;
pub use smp_pspnet::SmpPspNet;
pub use smp_unet::SmpUnet;
pub use tiny::TinyCnn;
pub use torchvision_seg::{SegmentationHead, TorchvisionSegmentation};
pub use unet::{UNet, UpSampling};
pub use xception65::{Xception65, XceptionPlan};

use atrous_graph::{GraphError, Shape};

use crate::{Mode, Model};

/// A configuration that builds a network.
pub trait Network {
    /// What the network is for and how its images are made.
    fn info(&self) -> Info;

    /// Changes the number of classes.
    fn set_classes(&mut self, classes: usize);

    /// Builds the network for images of shape `N×H×W×C` and calls it `name`.
    ///
    /// # Errors
    /// For images of impossible size and contradictory attributes.
    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError>;
}

/// What a network does with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// One row of logits per image.
    Classification,
    /// Logits per pixel.
    Segmentation,
}

/// From bytes `p` in 0..=255 (RGB) to what the network reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preprocessing {
    /// `(p/255 - mean) / std` per channel.
    Torch {
        /// Mean of R, G, B.
        mean: [f64; 3],
        /// Standard deviation of R, G, B.
        std: [f64; 3],
    },
    /// `p/127.5 - 1`.
    Tf,
    /// Channels reversed to B, G, R, minus their means; not scaled.
    Caffe {
        /// Mean of B, G, R.
        mean_bgr: [f64; 3],
    },
    /// One channel: `(G/255 - mean) / std`.
    Green {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
}

impl Preprocessing {
    /// torchvision's for ImageNet weights.
    pub const IMAGENET: Self = Self::Torch { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    /// To -1..1, as timm writes it.
    pub const HALF: Self = Self::Torch { mean: [0.5; 3], std: [0.5; 3] };
}

/// What a network is for and how its images are made. Sizes and channels are those of [`BuildOptions`] that ask for nothing
/// else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// What it does.
    pub task: Task,
    /// Height and width of the image.
    pub size: [usize; 2],
    /// Shorter side that photographs are resized to before the central crop of `size`; `None` if they are resized to
    /// `size` itself.
    pub shorter_side: Option<usize>,
    /// Channels of the image.
    pub in_channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// How bytes become numbers.
    pub preprocessing: Preprocessing,
}

/// What to change from a network's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Batch, height and width; else one image of [`Info::size`].
    pub input: Option<(usize, usize, usize)>,
    /// Number of classes; else [`Info::classes`].
    pub classes: Option<usize>,
    /// Channels of the image; else [`Info::in_channels`].
    pub in_channels: Option<usize>,
    /// What the graph is for.
    pub mode: Mode,
}

/// A network that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZooError {
    /// There is no network of this name.
    #[error("no network is named \"{name}\"; similar names: {similar}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names that come closest.
        similar: String,
    },
    /// The text is not a call.
    #[error("\"{text}\" is not a constructor call: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What was expected where.
        reason: String,
    },
    /// The constructor or one of its arguments is not known here.
    #[error("\"{constructor}\": {reason}")]
    Unsupported {
        /// The function called.
        constructor: String,
        /// What about it.
        reason: String,
    },
    /// The network cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// Builds a network with some defaults changed; `info` has the defaults.
fn build_with(network: &mut dyn Network, info: Info, name: &str, options: &BuildOptions) -> Result<Model, GraphError> {
    if let Some(classes) = options.classes {
        network.set_classes(classes);
    }
    let (n, h, w) = options.input.unwrap_or((1, info.size[0], info.size[1]));
    let channels = options.in_channels.unwrap_or(info.in_channels);
    network.build(name, Shape::new(n, h, w, channels), options.mode)
}

/// An error of a whole network.
fn invalid(name: &str, reason: impl Into<String>) -> GraphError {
    GraphError::Invalid { op: "network", node: name.to_owned(), reason: reason.into() }
}

/// Checks that the image's sides are multiples of `step`.
fn check_multiple(name: &str, image: Shape, step: usize) -> Result<(), GraphError> {
    if image.h.is_multiple_of(step) && image.w.is_multiple_of(step) && image.h > 0 && image.w > 0 {
        return Ok(());
    }
    let up = |n: usize| n.max(1).next_multiple_of(step);
    let (h, w) = (image.h, image.w);
    Err(invalid(name, format!("height and width must be multiples of {step}, got {h}×{w}; {}×{} fits", up(h), up(w))))
}
