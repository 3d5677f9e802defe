//! Development tasks, as a library so that the tests can call them.

pub mod golden;
pub mod wgsl;
