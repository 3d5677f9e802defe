//! What samples are learnt from, beside their pictures.

use std::fmt;

use atrous_graph::{Shape, TensorType};
use atrous_vision::ClassMap;

use super::sample::Picture;

/// Name of the target of data that have one label a picture, or one a pixel.
pub const LABELS: &str = "labels";

/// What one sample is to be learnt from. A sample without any is for objectives that need none.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The class of the whole picture, from 0.
    Class(u32),
    /// The class of every pixel, from 0, or the ignore label. As large as the picture.
    Mask(ClassMap),
    /// The probability of each class; their sum is 1 to within 0.001.
    SoftLabels(Vec<f32>),
    /// Whether each class is there.
    MultiHot(Vec<bool>),
    /// Numbers to be found.
    Vector(Vec<f32>),
    /// Boxes: left, top, right, bottom as fractions of the picture's width and height, 0 to 1. Random changes move them as
    /// they move the picture: a box that is turned becomes the upright one around it, what leaves the picture is cut off.
    Boxes(Vec<[f32; 4]>),
    /// Another picture of the same size. Random changes move it, but leave its colours.
    Image(Picture),
}

/// A kind of [`Target`] with its sizes: what all samples of a dataset have.
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
    /// [`Target::Boxes`]: `N×1×most×4`, f32, fractions of the batch's width and height. Those that a sample lacks, and those
    /// that random changes have moved out of its picture, are all zeros.
    Boxes {
        /// Most boxes of a sample.
        most: usize,
    },
    /// [`Target::Image`]: `N×H×W×channels`, f32, bytes divided by 255. What lies outside of the picture is 0.
    Image {
        /// 1 (grey) or 3 (RGB).
        channels: usize,
    },
}

/// A target that every sample of a dataset has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetSpec {
    /// Its name, by which objectives ask for it; also the graph's input of that name.
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
    /// What it is for a batch of pictures of this shape, `N×H×W×C`.
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

    /// Number of classes, of what has classes.
    pub const fn classes(self) -> Option<usize> {
        match self {
            Self::Class { classes }
            | Self::Mask { classes }
            | Self::SoftLabels { classes }
            | Self::MultiHot { classes } => Some(classes),
            Self::Vector { .. } | Self::Boxes { .. } | Self::Image { .. } => None,
        }
    }

    /// The kind of a sample's target, where there are so many classes.
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
