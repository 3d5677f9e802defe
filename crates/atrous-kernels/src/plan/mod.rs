//! The plan of a whole graph: what runs in which order, on which bytes.

mod buffers;
mod check;
mod layout;
mod make;
mod optimizer;
mod place;
mod print;
mod requests;
mod share;
mod totals;
mod training;
mod update;

use std::borrow::Cow;

use atrous_graph::NodeId;
use atrous_shaders::{Access, Shader};

use crate::choice::Choice;
use crate::dispatch::Declined;
use crate::operation::Operation;
use crate::tile::Tile;

pub(crate) use make::known;
pub use make::{plan, plan_evaluation};
pub use place::{ParameterPlacement, Piece, place_parameters};
pub use training::plan_training;
pub use update::{TrainingPlan, Update};

/// What a buffer of a plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKind {
    /// The graph's inputs, one after the other, and behind them what a training step is told; written by one upload before
    /// each run. Read only.
    Inputs,
    /// Constant tables ([`Plan::constants`]), written once. Read only.
    Constants,
    /// Parameters; `0..` in the order of [`ParameterPlacement::buffers`], shared by all plans of a network. Only the updates
    /// after a training step write them.
    Parameters(usize),
    /// Gradients, and next values of running statistics, of the parameters in the buffer of this index; each lies where its
    /// parameter lies there. Nothing is read that the same run has not written.
    Gradients(usize),
    /// Optimizer state: the tensor of this index in [`Optimizer::state`](atrous_graph::optim::Optimizer::state), of the
    /// parameters in the buffer of this index. It begins as zeros.
    State(usize, usize),
    /// Sums of gradients of several runs, as [`BufferKind::Gradients`]. They begin as zeros.
    Accumulated(usize),
    /// Sums from run to run. They begin as zeros.
    Totals,
    /// The loss scale. It begins as [`LossScaling::init`](atrous_graph::optim::LossScaling::init).
    LossScale,
    /// What `optim/control` tells the updates and the host.
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

/// Where a tensor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Plan::buffers`].
    pub buffer: usize,
    /// First byte, aligned for bindings.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A dispatch with its bindings resolved to buffers.
#[derive(Clone, Debug)]
pub struct PlannedDispatch {
    /// The kernel; tells how each binding is used. Borrowed from the catalogue, owned if it is a custom operation's.
    pub shader: Cow<'static, Shader>,
    /// Values of its pipeline constants.
    pub overrides: Vec<(&'static str, f64)>,
    /// Bound ranges, by binding index.
    pub bindings: Vec<Place>,
    /// How the kernel declares each binding: as in its text, except that reads of a buffer that it writes as well are declared as
    /// writes, for WebGPU allows a buffer one usage a dispatch.
    pub access: Vec<Access>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

impl PlannedDispatch {
    /// A dispatch of these ranges.
    pub fn new(
        shader: Cow<'static, Shader>,
        overrides: Vec<(&'static str, f64)>,
        bindings: Vec<Place>,
        grid: [u32; 3],
    ) -> Self {
        let written = |place: &Place| {
            let with = bindings.iter().zip(shader.bindings.iter());
            with.into_iter().any(|(other, access)| *access == Access::ReadWrite && other.buffer == place.buffer)
        };
        let access = bindings.iter().map(|place| if written(place) { Access::ReadWrite } else { Access::Read });
        let access = access.collect();
        Self { shader, overrides, access, bindings, grid }
    }

    /// Whether the kernel is a custom operation's: its text is not one of ours, and not trusted.
    pub const fn is_custom(&self) -> bool {
        matches!(self.shader, Cow::Owned(_))
    }
}

/// One node of the graph as it will run.
#[derive(Clone, Debug)]
pub struct Step {
    /// The node of the graph.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
    /// Name of the node's operation.
    pub op: &'static str,
    /// The operation, with the types of its tensors.
    pub operation: Operation,
    /// The kernel variant that serves it.
    pub variant: &'static str,
    /// The tile that the variant works in, if it has one.
    pub tile: Option<Tile>,
    /// Better variants with the reasons why they declined.
    pub declined: Vec<Declined>,
    /// Its dispatches; empty if the result is the first input itself.
    pub dispatches: Vec<PlannedDispatch>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Step {
    /// The variant and tile that serve.
    pub const fn choice(&self) -> Choice {
        Choice { variant: self.variant, tile: self.tile }
    }
}

/// A tensor of the plan: where it lies and from which to which step it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    /// The bytes that it takes.
    pub place: Place,
    /// Index of the step that writes it first.
    pub first: usize,
    /// Index of the last step that reads it; the number of steps if it is an output.
    pub last: usize,
}

/// Everything needed to run a graph on one kind of adapter.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The buffers to allocate.
    pub buffers: Vec<BufferPlan>,
    /// Constant tables as they lie in the constants buffer.
    pub constants: Vec<u32>,
    /// Steps in order of execution.
    pub steps: Vec<Step>,
    /// By node: where its tensor lies. None for nodes that are not needed, and for parameters that lie in several pieces.
    pub tensors: Vec<Option<TensorPlan>>,
    /// Where parameters lie in the buffers of [`BufferKind::Parameters`].
    pub parameters: ParameterPlacement,
    /// Scratch tensors.
    pub scratch: Vec<TensorPlan>,
    /// The graph's inputs that are uploaded, in upload order.
    pub inputs: Vec<NodeId>,
    /// The nodes that are read back, in the order asked for.
    pub outputs: Vec<NodeId>,
    /// Largest sum of activations and scratch alive at once: no plan can do with less.
    pub lower_bound: u64,
    /// What every run does after the steps.
    pub after: Vec<Update>,
    /// Nodes that are summed from run to run, and where.
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

    /// Predicted peak of device memory: all buffers, and the readback of the outputs; training has two of the latter.
    pub fn peak_bytes(&self) -> u64 {
        let readbacks = if self.training.is_some() { 2 } else { 1 };
        self.sum(|_| true) + readbacks * self.readback_bytes()
    }

    /// Bytes read back after a run: the outputs, and behind them what a training step reports. At least 16, for a run that gives
    /// nothing back is waited for all the same.
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

    /// Dispatches of one run; of a training step with its update.
    pub fn dispatches(&self) -> usize {
        let updates = self.updates(true).map(|u| u.dispatches.len());
        self.steps.iter().map(|s| s.dispatches.len()).chain(updates).sum()
    }

    /// What a run does after the steps, with the update of a training step or without.
    pub fn updates(&self, update: bool) -> impl Iterator<Item = &Update> {
        let training = self.training.iter().filter(move |_| update);
        self.after.iter().chain(training.flat_map(|training| &training.update))
    }

    fn sum(&self, wanted: impl Fn(BufferKind) -> bool) -> u64 {
        self.buffers.iter().filter(|b| wanted(b.kind)).map(|b| b.bytes).sum()
    }
}
