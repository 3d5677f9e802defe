//! Batch normalisation and its statistics.

mod batch_norm;
mod batch_norm_grad;
mod fused;
mod running_stat;
mod statistics;
