//! What is stored in f16.

use crate::NodeId;

/// How activations and filters are stored. All else, and all sums, are f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In 32 bits each.
    #[default]
    F32,
    /// In 16 bits ([`DType::F16`](crate::DType::F16)) between the first convolution and the results, in training also what flows
    /// back between them: half the memory and half the traffic, with a rounding of `2^-11` wherever something is stored. Numbers
    /// beyond 65504 become infinite.
    F16,
}

/// What [`Optimized::stored`](crate::passes::Optimized::stored) must know of what a graph is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Filters are rounded when they are uploaded. Otherwise they stay as they are, and are cast in every run.
    pub filters: bool,
    /// Losses and totals: what they are made of stays f32 behind the last convolution.
    pub losses: Vec<NodeId>,
    /// What gradients are multiplied with. Whatever depends on it is a gradient, and begins to be f16 at convolutions as well.
    pub loss_scale: Option<NodeId>,
}
