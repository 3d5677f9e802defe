//! What a graph begins with.

mod given;
mod rules;

pub use given::{Input, Parameter};
