//! Losses and labels.

mod cross_entropy;
mod labels;
mod resized;
