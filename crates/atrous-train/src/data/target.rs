//! Targets: what a network should give for a sample.

use std::fmt;

use atrous_graph::{Shape, TensorType};
use atrous_vision::ClassMap;

use super::picture::Picture;

/// Name of the target with class labels, one per picture or one per pixel.
pub const LABELS: &str = "labels";

/// The label of pixels in masks that belong to no class; the default ignore label of a [`Loader`](super::Loader).
pub const VOID: u8 = 255;

/// A target of one sample. Samples may have none, for objectives that need none.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The class of the whole picture, from 0.
    Class(u32),
    /// The class of every pixel, from 0, or the ignore label. As large as the picture.
    Mask(ClassMap),
    /// The probability of each class; their sum is 1 to within 0.001.
    SoftLabels(Vec<f32>),
    /// For each class whether it is present.
    MultiHot(Vec<bool>),
    /// Numbers.
    Vector(Vec<f32>),
    /// Boxes: left, top, right, bottom as fractions of the picture's width and height, 0 to 1. Random changes move them
    /// like the picture: a rotated box becomes its upright bounding box, and boxes are cut off at the window.
    Boxes(Vec<[f32; 4]>),
    /// Another picture of the same size. Random changes move it, but do not change its colours.
    Image(Picture),
}

/// The kind of a [`Target`] with its sizes, which are the same for all samples of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// [`Target::Class`]: `N×1×1×1`, u32.
    Class {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::Mask`]: `N×H×W×1`, u32.
    Mask {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::SoftLabels`]: `N×1×1×classes`, f32.
    SoftLabels {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::MultiHot`]: `N×1×1×classes`, f32, 0 or 1.
    MultiHot {
        /// Number of classes.
        classes: usize,
    },
    /// [`Target::Vector`]: `N×1×1×len`, f32.
    Vector {
        /// How many numbers.
        len: usize,
    },
    /// [`Target::Boxes`]: `N×1×most×4`, f32, fractions of the batch's width and height. If a sample has fewer boxes, the others are zeros;
    /// so are boxes that random changes moved out of the picture.
    Boxes {
        /// Most boxes of a sample.
        most: usize,
    },
    /// [`Target::Image`]: `N×H×W×channels`, f32, bytes divided by 255; 0 outside of the picture.
    Image {
        /// 1 (grey) or 3 (RGB).
        channels: usize,
    },
}

/// A target that every sample of a dataset has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetSpec {
    /// Name of the target, by which objectives ask for it, and of the graph's input.
    pub name: String,
    /// Kind and size of the target.
    pub kind: TargetKind,
}

impl TargetSpec {
    /// A target of this name.
    pub fn new(name: impl Into<String>, kind: TargetKind) -> Self {
        Self { name: name.into(), kind }
    }

    /// The target called [`LABELS`].
    pub fn labels(kind: TargetKind) -> Self {
        Self::new(LABELS, kind)
    }
}

impl TargetKind {
    /// The type of the graph's input for a batch of pictures of this shape, `N×H×W×C`.
    pub const fn tensor(self, image: Shape) -> TensorType {
        let Shape { n, h, w, .. } = image;
        match self {
            Self::Class { .. } => TensorType::map(Shape::new(n, 1, 1, 1)),
            Self::Mask { .. } => TensorType::map(Shape::new(n, h, w, 1)),
            Self::SoftLabels { classes } | Self::MultiHot { classes } => {
                TensorType::image(Shape::new(n, 1, 1, classes))
            }
            Self::Vector { len } => TensorType::image(Shape::new(n, 1, 1, len)),
            Self::Boxes { most } => TensorType::image(Shape::new(n, 1, most, 4)),
            Self::Image { channels } => TensorType::image(Shape::new(n, h, w, channels)),
        }
    }

    /// Number of classes; `None` for kinds without classes.
    pub const fn classes(self) -> Option<usize> {
        match self {
            Self::Class { classes }
            | Self::Mask { classes }
            | Self::SoftLabels { classes }
            | Self::MultiHot { classes } => Some(classes),
            Self::Vector { .. } | Self::Boxes { .. } | Self::Image { .. } => None,
        }
    }

    /// The kind of a sample's target; `classes` is the number of classes of classes and masks.
    pub(crate) fn of(target: &Target, classes: usize) -> Self {
        match target {
            Target::Class(_) => Self::Class { classes },
            Target::Mask(_) => Self::Mask { classes },
            Target::SoftLabels(probabilities) => Self::SoftLabels { classes: probabilities.len() },
            Target::MultiHot(present) => Self::MultiHot { classes: present.len() },
            Target::Vector(numbers) => Self::Vector { len: numbers.len() },
            Target::Boxes(boxes) => Self::Boxes { most: boxes.len() },
            Target::Image(picture) => Self::Image { channels: picture.channels() as usize },
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class { classes } => write!(f, "one of {classes} classes a picture"),
            Self::Mask { classes } => write!(f, "one of {classes} classes a pixel"),
            Self::SoftLabels { classes } => write!(f, "probabilities of {classes} classes"),
            Self::MultiHot { classes } => write!(f, "any of {classes} classes"),
            Self::Vector { len } => write!(f, "a vector of {len}"),
            Self::Boxes { most } => write!(f, "at most {most} boxes"),
            Self::Image { channels } => write!(f, "a picture of {channels} channels"),
        }
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.name, self.kind)
    }
}

/// Several targets as text.
pub(crate) fn listed(targets: &[TargetSpec]) -> String {
    match targets {
        [] => "no targets".to_owned(),
        _ => targets.iter().map(TargetSpec::to_string).collect::<Vec<_>>().join(", "),
    }
}
