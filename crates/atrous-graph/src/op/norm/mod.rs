//! Batch normalisation and its statistics.

mod batch_norm;
mod batch_norm_grad;
mod fused;
mod rules;
mod running_stat;
mod statistics;

pub use batch_norm::BatchNorm;
pub use batch_norm_grad::{BatchNormGrad, BatchNormGradSums};
pub use fused::{FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums};
pub use running_stat::RunningStat;
pub use statistics::{BatchStatistics, ChannelVariance};
