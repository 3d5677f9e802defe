//! Learning from strokes.

mod learn;
mod network;
mod strokes;

pub use learn::{Lesson, Painted, learn};
pub use strokes::Strokes;
