//! Losses and labels.

mod class_weights;
mod cross_entropy;
mod labels;
mod resized;
mod rules;

pub use cross_entropy::*;
pub use labels::*;
pub use resized::*;
