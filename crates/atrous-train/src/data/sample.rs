//! One picture with its targets.

use super::picture::Picture;
use super::target::Target;

/// One picture with its targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The picture, of any size.
    pub image: Picture,
    /// The targets, in the order of [`Dataset::targets`](super::Dataset::targets).
    pub targets: Vec<Target>,
}
