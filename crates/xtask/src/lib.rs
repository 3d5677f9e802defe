//! Development tasks, as a library so that the tests can call them.

pub mod bench;
pub mod golden;
pub mod test;
pub mod wgsl;
