//! The memory of a plan: its buffers, and its tensors in them.

use crate::place::Place;

/// What a buffer of a plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKind {
    /// The graph's inputs, one after the other, then the [numbers of a training step](crate::optim::step_data). Written
    /// by one upload before each run. Read only.
    Inputs,
    /// Constant tables ([`Plan::constants`](crate::Plan::constants)), written once. Read only.
    Constants,
    /// The parameters at this index of [`ParameterPlacement::buffers`](super::ParameterPlacement::buffers), shared by
    /// all plans of a network. Only the updates after a training step write them.
    Parameters(usize),
    /// Gradients, and next values of running statistics, of the parameters in the buffer of this index. Each has the
    /// offset of its parameter. A run reads only what it has written itself.
    Gradients(usize),
    /// Optimizer state: the tensor of this index in [`Optimizer::state`](atrous_graph::optim::Optimizer::state), of the
    /// parameters in the buffer of this index. Its elements begin as
    /// [`Optimizer::first_state`](atrous_graph::optim::Optimizer::first_state).
    State(usize, usize),
    /// Sums of gradients over several runs, with the layout of [`BufferKind::Gradients`]. They begin as zeros.
    Accumulated(usize),
    /// Sums of totals over several runs. They begin as zeros.
    Totals,
    /// The loss scale. It begins as [`LossScaling::init`](atrous_graph::optim::LossScaling::init).
    LossScale,
    /// What `optim/control` computes for the updates and for the host.
    Control,
    /// Partial sums of the gradient's norm.
    Partials,
    /// Activations and scratch memory.
    Bank,
}

/// A buffer that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPlan {
    /// What the buffer holds.
    pub kind: BufferKind,
    /// Size in bytes.
    pub bytes: u64,
}

/// A tensor of the plan: its place, and the steps in which it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    /// The bytes that it takes.
    pub place: Place,
    /// Index of the step that writes it first.
    pub first: usize,
    /// Index of the last step that reads it; the number of steps if it is an output.
    pub last: usize,
}
