//! Interpolation of images.

mod argmax;
mod interpolate;
mod rules;

pub use argmax::ResizeArgMax;
pub use interpolate::{Coordinates, Interpolation, Resize, ResizeGrad};
