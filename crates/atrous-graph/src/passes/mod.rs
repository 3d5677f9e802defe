//! Rewrites of a finished graph that compute the same in fewer and larger steps.
//!
//! Passes run after differentiation and before planning. Each makes a new graph from a graph, and reports for each
//! place that it examines what it changed or why it did not. Nodes that are asked for as outputs are never removed, and
//! keep their names.

mod batch_statistics;
mod cut_filters;
mod derived;
mod fold_batch_norm;
mod fuse_batch_norm;
mod fuse_batch_norm_grad;
mod fuse_chain;
mod fuse_epilogue;
mod fuse_prologue;
mod fuse_resize_argmax;
mod fuse_resize_loss;
mod half_storage;
mod optimized;
mod options;
mod pooled_bias;
mod report;
mod rewrite;
mod storage;

pub use derived::{Derived, DerivedSource, Given, Normalisation, Recipe};
pub use optimized::{Optimized, optimize};
pub use options::PassOptions;
pub use report::{Note, Report};
pub use storage::{Precision, Storage};
