//! Development tasks, as a library so that the tests can call them.

pub mod bench;
pub mod check;
pub mod golden;
pub mod test;
pub mod wasm;
pub mod wgsl;

mod steps;
