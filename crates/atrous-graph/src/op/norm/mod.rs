//! Batch normalisation and its statistics.

mod batch_norm;
mod batch_norm_grad;
mod fused;
mod rules;
mod running_stat;
mod statistics;

pub use batch_norm::*;
pub use batch_norm_grad::*;
pub use fused::*;
pub use running_stat::*;
pub use statistics::*;
