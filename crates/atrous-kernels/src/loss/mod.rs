//! Losses and labels.

mod class_weights;
mod cross_entropy;
mod labels;
mod resized;
