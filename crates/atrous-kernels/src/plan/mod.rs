//! The plan of a whole graph: what runs in which order, on which bytes.

mod check;
mod make;
mod place;
mod print;

use atrous_graph::NodeId;
use atrous_shaders::Shader;

use crate::Declined;

pub use make::plan;
pub use place::{ParameterPlacement, place_parameters};

/// What a buffer of a plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKind {
    /// The graph's inputs, one after the other, written by one upload before each run. Read only.
    Inputs,
    /// Constant tables ([`Plan::constants`]), written once. Read only.
    Constants,
    /// Parameters; `0..` in the order of [`ParameterPlacement::buffers`], shared by all plans of a network. Read only.
    Parameters(usize),
    /// Activations and scratch memory.
    Bank,
}

/// A buffer that a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPlan {
    /// What it holds.
    pub kind: BufferKind,
    /// Its size.
    pub bytes: u64,
}

/// Where a tensor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Plan::buffers`].
    pub buffer: usize,
    /// First byte, aligned for bindings.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A dispatch with its bindings resolved to buffers.
#[derive(Clone, Debug)]
pub struct PlannedDispatch {
    /// The linked kernel; tells how each binding is used.
    pub shader: &'static Shader,
    /// Values of its pipeline constants.
    pub overrides: Vec<(&'static str, f64)>,
    /// Bound ranges, by binding index.
    pub bindings: Vec<Place>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

/// One node of the graph as it will run.
#[derive(Clone, Debug)]
pub struct Step {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its operation's name.
    pub op: &'static str,
    /// The kernel variant that serves it.
    pub variant: &'static str,
    /// Better variants with the reasons why they declined.
    pub declined: Vec<Declined>,
    /// Its dispatches; empty if the result is the first input itself.
    pub dispatches: Vec<PlannedDispatch>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// A tensor of the plan: where it lies and from which to which step it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorPlan {
    /// Where it lies.
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
    /// By node: where its tensor lies. None for nodes that are not needed.
    pub tensors: Vec<Option<TensorPlan>>,
    /// Scratch tensors.
    pub scratch: Vec<TensorPlan>,
    /// The graph's inputs that are uploaded, in upload order.
    pub inputs: Vec<NodeId>,
    /// The nodes that are read back, in the order asked for.
    pub outputs: Vec<NodeId>,
    /// Largest sum of activations and scratch alive at once: no plan can do with less.
    pub lower_bound: u64,
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

    /// Predicted peak of device memory: all buffers, and the readback of the outputs.
    pub fn peak_bytes(&self) -> u64 {
        self.sum(|_| true) + self.readback_bytes()
    }

    /// Bytes read back after a run.
    pub fn readback_bytes(&self) -> u64 {
        self.outputs.iter().filter_map(|id| self.tensors[id.0]).map(|t| t.place.bytes).sum()
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|s| s.macs).sum()
    }

    /// Dispatches of one run.
    pub fn dispatches(&self) -> usize {
        self.steps.iter().map(|s| s.dispatches.len()).sum()
    }

    fn sum(&self, wanted: impl Fn(BufferKind) -> bool) -> u64 {
        self.buffers.iter().filter(|b| wanted(b.kind)).map(|b| b.bytes).sum()
    }
}
