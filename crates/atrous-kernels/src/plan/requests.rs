//! The memory that a plan's steps request: sizes, lifetimes, and which tensors must be kept apart.

use std::ops::Range;

use atrous_graph::memory::{self, Request};
use atrous_graph::{Graph, NodeId};
use atrous_shaders::Access;

use super::memory::TensorPlan;
use super::share::Sharing;
use crate::dispatch::{Binding, NodePlan, Slot};

/// The requests for tensors that are placed in banks.
pub(super) struct Requests {
    pub(super) all: Vec<Request>,
    /// For each node: its request, if its tensor is in a bank.
    pub(super) of: Vec<Option<usize>>,
    /// For each node: the node that makes its tensor. For a node without dispatches, this is that of its first input.
    pub(super) source: Vec<NodeId>,
    /// For each step: the requests of its scratch memory.
    pub(super) scratch: Vec<Range<usize>>,
    /// For each step: the request of the strips that it reads.
    pub(super) strips: Vec<Option<usize>>,
    /// For each node: the request of the strips that are stored along with its tensor.
    strips_of: Vec<Option<usize>>,
}

impl Requests {
    /// The requests of nodes without a place in `placed`. The tensors of `kept` are alive to the end.
    pub(super) fn new(
        graph: &Graph,
        made: &[(NodeId, NodePlan)],
        sharing: &Sharing<'_>,
        placed: &[Option<TensorPlan>],
        kept: &[NodeId],
    ) -> Self {
        let nodes = graph.nodes().len();
        let source = (0..nodes).map(NodeId).collect();
        let (all, of, strips_of) = (Vec::new(), vec![None; nodes], vec![None; nodes]);
        let mut requests = Self { all, of, source, scratch: Vec::new(), strips: Vec::new(), strips_of };
        for (step, (id, plan)) in made.iter().enumerate() {
            requests.take(graph, sharing, placed, step, *id, plan);
        }
        for r in kept.iter().filter_map(|id| requests.of[id.0]) {
            requests.all[r].last = made.len();
        }
        requests
    }

    fn take(
        &mut self,
        graph: &Graph,
        sharing: &Sharing<'_>,
        placed: &[Option<TensorPlan>],
        step: usize,
        id: NodeId,
        plan: &NodePlan,
    ) {
        let inputs = &graph.node(id).inputs;
        for r in inputs.iter().filter_map(|input| self.of[input.0]) {
            self.all[r].last = step;
        }
        let first = self.all.len();
        self.all.extend(plan.scratch.iter().map(|&bytes| Request { bytes, first: step, last: step }));
        self.scratch.push(first..self.all.len());
        self.strips_of[id.0] = plan.strips.map(|strips| first + strips.scratch);
        let reads_strips = plan.dispatches.iter().flat_map(|d| &d.bindings).any(|b| b.slot == Slot::Strips);
        let strips = inputs.first().and_then(|input| self.strips_of[input.0]).filter(|_| reads_strips);
        if let Some(r) = strips {
            self.all[r].last = step;
        }
        self.strips.push(strips);
        if plan.dispatches.is_empty() {
            self.source[id.0] = self.source[inputs[0].0];
            self.of[id.0] = self.of[inputs[0].0];
            self.strips_of[id.0] = self.strips_of[inputs[0].0];
        } else if placed[id.0].is_none() {
            // A node that writes into the memory of another tensor shares its request, which is alive from the first
            // such write.
            let whole = sharing.part_of(id).unwrap_or(id);
            let over = plan.in_place.map(|i| self.of[inputs[i].0].expect("what dies lies in a bank: a bug of atrous"));
            let shared = over.or(self.of[whole.0]);
            let request = shared.unwrap_or_else(|| {
                self.all.push(Request { bytes: graph.node(whole).ty.bytes(), first: step, last: step });
                self.all.len() - 1
            });
            self.all[request].last = step;
            self.of[id.0] = Some(request);
            self.of[whole.0] = Some(request);
        } else {
            assert!(plan.in_place.is_none(), "what has a place of its own is written over nothing: a bug of atrous");
        }
    }

    /// Largest sum of bytes that are alive at one step.
    pub(super) fn lower_bound(&self) -> u64 {
        memory::lower_bound(&self.all)
    }

    /// Pairs of a written and a read tensor of one dispatch: those that should be in different banks, and those that
    /// must be. The latter are read through two bindings, which must not both be declared as writes.
    pub(super) fn conflicts(&self, graph: &Graph, made: &[(NodeId, NodePlan)]) -> [Vec<(usize, usize)>; 2] {
        let (mut apart, mut never) = (Vec::new(), Vec::new());
        for (((id, plan), scratch), strips) in made.iter().zip(&self.scratch).zip(&self.strips) {
            let request = |b: &Binding| match b.slot {
                Slot::Input(i) => self.of[graph.node(*id).inputs[i].0],
                Slot::Output => self.of[id.0],
                Slot::Scratch(i) => Some(scratch.start + i),
                Slot::Constant(_) => None,
                Slot::Strips => *strips,
            };
            for dispatch in &plan.dispatches {
                let of = |access: Access| -> Vec<usize> {
                    let with = dispatch.bindings.iter().zip(dispatch.shader.bindings.iter());
                    with.filter(|(_, a)| **a == access).filter_map(|(b, _)| request(b)).collect()
                };
                let (reads, writes) = (of(Access::Read), of(Access::ReadWrite));
                for (w, r) in writes.iter().flat_map(|w| reads.iter().map(move |r| (*w, *r))) {
                    let twice = reads.iter().filter(|other| **other == r).count() > 1;
                    if twice { never.push((w, r)) } else { apart.push((w, r)) }
                }
            }
        }
        [apart, never]
    }
}
