//! The plan of a graph.

use atrous_graph::NodeId;

use super::memory::{BufferKind, BufferPlan, TensorPlan};
use super::placement::ParameterPlacement;
use super::step::Step;
use super::update::{TrainingPlan, Update};
use crate::place::Place;

/// Everything needed to run a graph on one kind of adapter.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The buffers to allocate.
    pub buffers: Vec<BufferPlan>,
    /// The contents of the constants buffer: all tables.
    pub constants: Vec<u32>,
    /// Steps in order of execution.
    pub steps: Vec<Step>,
    /// For each node: the place of its tensor. `None` if it is not needed, or is a parameter that is stored in several
    /// pieces.
    pub tensors: Vec<Option<TensorPlan>>,
    /// Where parameters lie in the buffers of [`BufferKind::Parameters`].
    pub parameters: ParameterPlacement,
    /// Scratch tensors.
    pub scratch: Vec<TensorPlan>,
    /// The graph's inputs that are uploaded, in upload order.
    pub inputs: Vec<NodeId>,
    /// The nodes that are read back, in the order asked for.
    pub outputs: Vec<NodeId>,
    /// Largest sum of activations and scratch memory alive at one step. No plan needs less.
    pub lower_bound: u64,
    /// What every run does after the steps.
    pub after: Vec<Update>,
    /// Nodes that are summed over several runs, and the places of the sums.
    pub totals: Vec<(NodeId, Place)>,
    /// The update, if the plan trains.
    pub training: Option<TrainingPlan>,
}

impl Plan {
    /// Bytes of the banks: activations and scratch as planned.
    pub fn activation_bytes(&self) -> u64 {
        self.sum(|kind| kind == BufferKind::Bank)
    }

    /// Bytes of all parameters.
    pub fn parameter_bytes(&self) -> u64 {
        self.sum(|kind| matches!(kind, BufferKind::Parameters(_)))
    }

    /// Bytes of gradients, accumulated or not.
    pub fn gradient_bytes(&self) -> u64 {
        self.sum(|kind| matches!(kind, BufferKind::Gradients(_) | BufferKind::Accumulated(_)))
    }

    /// Bytes of the optimizer's state.
    pub fn state_bytes(&self) -> u64 {
        self.sum(|kind| matches!(kind, BufferKind::State(..)))
    }

    /// Predicted peak of device memory: all buffers, and those for reading back outputs, of which a training has two.
    pub fn peak_bytes(&self) -> u64 {
        let readbacks = if self.training.is_some() { 2 } else { 1 };
        self.sum(|_| true) + readbacks * self.readback_bytes()
    }

    /// Bytes read back after a run: the outputs, then the report of a training step. At least 16, since a run without
    /// outputs is waited for in the same way.
    pub fn readback_bytes(&self) -> u64 {
        (self.output_bytes() + self.training.as_ref().map_or(0, |t| t.control.bytes)).max(16)
    }

    /// Bytes of the outputs.
    pub fn output_bytes(&self) -> u64 {
        self.outputs.iter().filter_map(|id| self.tensors[id.0]).map(|t| t.place.bytes).sum()
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|s| s.macs).sum()
    }

    /// Number of dispatches of one run; for a training, of a step with an update.
    pub fn dispatches(&self) -> usize {
        let updates = self.updates(true).map(|u| u.dispatches.len());
        self.steps.iter().map(|s| s.dispatches.len()).chain(updates).sum()
    }

    /// What a run does after the steps. `update` is whether this includes the update of a training step.
    pub fn updates(&self, update: bool) -> impl Iterator<Item = &Update> {
        let training = self.training.iter().filter(move |_| update);
        self.after.iter().chain(training.flat_map(|training| &training.update))
    }

    fn sum(&self, wanted: impl Fn(BufferKind) -> bool) -> u64 {
        self.buffers.iter().filter(|b| wanted(b.kind)).map(|b| b.bytes).sum()
    }
}
