//! Rewrites of a finished graph: it computes the same with fewer and larger steps.
//!
//! Passes run after differentiation and before planning. Each takes a graph and makes another, and says of every place that it
//! looked at what it did there, or why it did nothing. What is asked for as an output is never rewritten away, nor is its name.

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
