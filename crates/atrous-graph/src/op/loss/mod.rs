//! Losses and labels.

mod class_weights;
mod cross_entropy;
mod labels;
mod resized;
mod rules;

pub use cross_entropy::{CrossEntropy, CrossEntropyGrad};
pub use labels::{LabelWeight, OneHot};
pub use resized::{ResizeCrossEntropy, ResizeCrossEntropyGrad};
