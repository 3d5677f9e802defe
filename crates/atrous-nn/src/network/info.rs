//! The task of a network and its images.

use crate::Normalize;

/// What a network does with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// One row of logits per image.
    Classification,
    /// Logits per pixel.
    Segmentation,
}

/// The task of a network and how its images are made. Size, channels and classes are the defaults.
///
/// ```
/// use atrous_nn::{Info, Normalize, Task};
///
/// // 64×64 pixels instead of 512×512, bytes to -1..1.
/// let info = Info { size: [64, 64], normalize: Normalize::HALF, ..Info::segmentation(3) };
/// assert_eq!((info.task, info.classes, info.in_channels), (Task::Segmentation, 3, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// Whether it classifies images or pixels.
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
    pub normalize: Normalize,
}

impl Info {
    /// A classifier of RGB images, 224×224 pixels from the middle of photographs whose shorter side is 256, normalised as torchvision
    /// does for ImageNet.
    pub const fn classification(classes: usize) -> Self {
        Self {
            task: Task::Classification,
            size: [224, 224],
            shorter_side: Some(256),
            in_channels: 3,
            classes,
            normalize: Normalize::IMAGENET,
        }
    }

    /// A segmentation network for RGB images of 512×512 pixels, normalised as torchvision does for ImageNet.
    pub const fn segmentation(classes: usize) -> Self {
        Self { task: Task::Segmentation, size: [512, 512], shorter_side: None, ..Self::classification(classes) }
    }
}
