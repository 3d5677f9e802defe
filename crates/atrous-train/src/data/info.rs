//! What a sample holds, without its pixels.

use super::error::Result;
use super::files::load_picture_header;
use super::sample::Sample;
use super::target::Target;
use atrous_vision::Exif;
use std::path::Path;

/// What a sample holds, see [`Dataset::inspect`](super::Dataset::inspect).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleInfo {
    /// Width and height of the picture.
    pub size: (u32, u32),
    /// Channels of the picture: 1 grey, 2 grey with alpha, 3 RGB, 4 RGB with alpha.
    pub channels: u8,
    /// The EXIF orientation of the picture's file, 1 to 8; 1 is upright.
    pub orientation: u8,
    /// Whether the orientation turns the picture, and nothing tells whether its mask was drawn on the turned picture.
    pub turned_mask: bool,
    /// The labels of the first target that occur, in order, each with its number of pixels, or 1 for the class of the picture. Empty for
    /// targets that are no labels.
    pub labels: Vec<(u32, u64)>,
}

impl SampleInfo {
    /// What a sample in memory holds.
    pub fn of(sample: &Sample) -> Self {
        let (image, labels) = (&sample.image, sample.targets.first().map(Self::labels_of).unwrap_or_default());
        let channels = image.channels() as u8;
        Self { size: (image.width(), image.height()), channels, orientation: 1, turned_mask: false, labels }
    }

    /// What the header of a picture file states; there are no labels yet.
    pub(crate) fn of_file(path: &Path, exif: Exif) -> Result<Self> {
        let header = load_picture_header(path)?;
        let (channels, orientation) = (header.channels, header.orientation);
        Ok(Self { size: header.size(exif), channels, orientation, turned_mask: false, labels: Vec::new() })
    }

    pub(crate) fn labels_of(target: &Target) -> Vec<(u32, u64)> {
        match target {
            Target::Class(class) => vec![(*class, 1)],
            Target::Mask(mask) => (0..).zip(mask.pixel_counts()).filter(|(_, pixels)| *pixels > 0).collect(),
            _ => Vec::new(),
        }
    }
}
