//! Development tasks, one module each. The stored results are recomputed by `atrous_golden`.

pub mod adapters;
pub mod bench;
pub mod check;
pub mod fuzz;
pub mod test;
pub mod wasm;
pub mod wgsl;

mod steps;
