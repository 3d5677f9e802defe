//! The steps of a plan.

use std::borrow::Cow;

use atrous_graph::NodeId;
use atrous_shaders::{Access, Shader};

use crate::choice::Choice;
use crate::dispatch::Declined;
use crate::operation::Operation;
use crate::place::Place;
use crate::tile::Tile;

/// A dispatch with its bindings resolved to buffers.
#[derive(Clone, Debug)]
pub struct PlannedDispatch {
    /// The kernel, which declares how each binding is used. Borrowed from the catalogue, owned if it is a custom
    /// operation's.
    pub shader: Cow<'static, Shader>,
    /// Values of its pipeline constants.
    pub overrides: Vec<(&'static str, f64)>,
    /// Bound ranges, by binding index.
    pub bindings: Vec<Place>,
    /// How each binding is declared: as in the kernel's text, except that reads of a buffer that the dispatch also
    /// writes are declared as writes. WebGPU allows a buffer only one usage in a dispatch.
    pub access: Vec<Access>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

impl PlannedDispatch {
    /// A dispatch with these bindings.
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

    /// Whether the kernel is a custom operation's, whose text is not trusted.
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
    /// Better variants that declined, and why.
    pub declined: Vec<Declined>,
    /// Its dispatches; empty if the result is the first input itself.
    pub dispatches: Vec<PlannedDispatch>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Step {
    /// The variant and the tile that serve.
    pub const fn choice(&self) -> Choice {
        Choice { variant: self.variant, tile: self.tile }
    }
}
