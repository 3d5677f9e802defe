//! Which tensors are stored in f16.

use crate::NodeId;

/// How activations and filters are stored. Everything else, and all sums, are f32 in both cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In 32 bits each.
    #[default]
    F32,
    /// In 16 bits ([`DType::F16`](crate::DType::F16)) between the first convolution and the results, in training also
    /// the gradients of these tensors: half the memory and half the traffic. Each stored value is rounded by up to
    /// `2^-11` of itself. Numbers beyond 65504 become infinite.
    F16,
}

/// What [`Optimized::stored`](crate::passes::Optimized::stored) must know of the purpose of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Whether filters are rounded when they are uploaded. If not, they stay f32 and are cast in every run.
    pub filters: bool,
    /// Losses and totals. Values after the last convolution from which they are computed stay f32.
    pub losses: Vec<NodeId>,
    /// The factor of all gradients. Every node that depends on it is a gradient; gradients, too, become f16 at
    /// convolutions.
    pub loss_scale: Option<NodeId>,
}
