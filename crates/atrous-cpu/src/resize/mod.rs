//! Interpolation of images.

mod argmax;
mod interpolate;
mod taps;
