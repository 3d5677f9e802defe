//! Interpolation of images.

mod argmax;
mod interpolate;
mod rules;

pub use argmax::*;
pub use interpolate::*;
