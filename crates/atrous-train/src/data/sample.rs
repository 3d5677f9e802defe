//! One picture with its targets.

use super::picture::Picture;
use super::target::Target;
use crate::fingerprint::Fingerprint;

/// One picture with its targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The picture, of any size.
    pub image: Picture,
    /// The targets, in the order of [`Dataset::targets`](super::Dataset::targets).
    pub targets: Vec<Target>,
}

impl Sample {
    /// A fingerprint of picture and targets.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::default();
        add_picture(&mut fingerprint, &self.image);
        for target in &self.targets {
            match target {
                Target::Class(class) => fingerprint.number((*class).into()),
                Target::Mask(mask) => {
                    fingerprint.number(mask.width().into());
                    fingerprint.bytes(mask.classes());
                }
                Target::MultiHot(present) => {
                    fingerprint.bytes(&present.iter().map(|there| u8::from(*there)).collect::<Vec<_>>());
                }
                Target::SoftLabels(numbers) | Target::Vector(numbers) => add_numbers(&mut fingerprint, numbers),
                Target::Boxes(boxes) => add_numbers(&mut fingerprint, boxes.as_flattened()),
                Target::Image(picture) => add_picture(&mut fingerprint, picture),
            }
        }
        fingerprint.finish()
    }
}

fn add_picture(fingerprint: &mut Fingerprint, picture: &Picture) {
    fingerprint.number(picture.width().into());
    fingerprint.bytes(picture.pixels());
}

fn add_numbers(fingerprint: &mut Fingerprint, numbers: &[f32]) {
    fingerprint.bytes(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
}
