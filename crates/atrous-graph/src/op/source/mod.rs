//! Inputs and parameters.

mod given;
mod rules;

pub use given::{Input, Parameter};
