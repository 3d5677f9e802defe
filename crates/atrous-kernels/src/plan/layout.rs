//! The places of a plan's tensors, tables and scratch memory.

use std::collections::HashMap;

use atrous_graph::memory::{self, Assignment, Request};
use atrous_graph::{Graph, NodeId, Op, cost};

use super::contents::Plan;
use super::memory::{BufferKind, BufferPlan, TensorPlan};
use super::placement::{ParameterPlacement, Piece};
use super::requests::Requests;
use super::share::Sharing;
use super::step::{PlannedDispatch, Step};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::limits::Limits;
use crate::operation::Operation;
use crate::place::Place;

/// All tensors of a plan with their places.
pub(super) struct Layout {
    pub(super) buffers: Vec<BufferPlan>,
    constants: Vec<u32>,
    /// For each node: the place of its tensor. Inputs and parameters are placed first, which placing the banks does not
    /// change.
    pub(super) tensors: Vec<Option<TensorPlan>>,
    parameters: ParameterPlacement,
    /// For each step: its scratch tensors.
    scratch: Vec<Vec<TensorPlan>>,
    /// For each step: the strips that it reads, scratch memory of another step.
    strips: Vec<Option<TensorPlan>>,
    /// For each step: the places of its constant tables.
    tables: Vec<Vec<Place>>,
    /// For each step and dispatch: the place of its table of sizes.
    sizes: Vec<Vec<Option<Place>>>,
    inputs: Vec<NodeId>,
    lower_bound: u64,
}

impl Layout {
    pub(super) fn new(graph: &Graph, parameters: ParameterPlacement) -> Self {
        Self {
            parameters,
            buffers: Vec::new(),
            constants: Vec::new(),
            tensors: vec![None; graph.nodes().len()],
            scratch: Vec::new(),
            strips: Vec::new(),
            tables: Vec::new(),
            sizes: Vec::new(),
            inputs: Vec::new(),
            lower_bound: 0,
        }
    }

    /// Places inputs and parameters, which are alive in all steps. Returns the place of `extra` bytes after the inputs.
    pub(super) fn place_fixed(
        &mut self,
        graph: &Graph,
        limits: &Limits,
        steps: usize,
        nodes: &[NodeId],
        extra: u64,
    ) -> Result<Place, PlanError> {
        let mut end = 0;
        for &id in nodes.iter().filter(|id| matches!(graph.node(**id).op, Op::Input)) {
            let bytes = graph.node(id).ty.bytes();
            let place = Place { buffer: 0, offset: end, bytes };
            self.tensors[id.0] = Some(TensorPlan { place, first: 0, last: steps });
            self.inputs.push(id);
            end = (end + bytes).next_multiple_of(limits.alignment);
        }
        let behind = Place { buffer: 0, offset: end, bytes: extra };
        end += extra;
        if end > limits.max_buffer {
            return Err(PlanError::Limit {
                what: "bytes of inputs in one buffer",
                needs: end,
                limit: limits.max_buffer,
            });
        }
        if end > 0 {
            self.buffers.push(BufferPlan { kind: BufferKind::Inputs, bytes: end });
        }
        let first = self.buffers.len();
        let kinds = self.parameters.buffers.iter().enumerate();
        self.buffers.extend(kinds.map(|(i, &bytes)| BufferPlan { kind: BufferKind::Parameters(i), bytes }));
        for &id in nodes {
            let node = graph.node(id);
            let pieces = self.parameters.places.get(&node.name).filter(|_| node.op == Op::Parameter);
            let piece = match pieces.map(Vec::as_slice) {
                Some([whole]) => Some(*whole),
                _ => self.parameters.piece(graph, id),
            };
            self.tensors[id.0] = self.tensors[id.0].or(piece.map(|Piece { buffer, offset, ty, .. }| {
                let place = Place { buffer: first + buffer, offset, bytes: ty.bytes() };
                TensorPlan { place, first: 0, last: steps }
            }));
        }
        Ok(behind)
    }

    /// Places constant tables, equal ones only once. Returns the places of the tables in `extra`.
    pub(super) fn place_constants(
        &mut self,
        limits: &Limits,
        made: &[(NodeId, NodePlan)],
        extra: &[Vec<u32>],
    ) -> Vec<Place> {
        let buffer = self.buffers.len();
        let align = (limits.alignment / 4) as usize;
        let (mut known, mut constants) = (HashMap::new(), Vec::<u32>::new());
        let mut place = |table: &Vec<u32>| {
            *known.entry(table.clone()).or_insert_with(|| {
                constants.resize(constants.len().next_multiple_of(align), 0);
                let offset = constants.len() as u64 * 4;
                constants.extend_from_slice(table);
                Place { buffer, offset, bytes: table.len() as u64 * 4 }
            })
        };
        self.tables = made.iter().map(|(_, plan)| plan.constants.iter().map(&mut place).collect()).collect();
        let mut sizes = |dispatch: &Dispatch| dispatch.table().map(|table| place(&table));
        self.sizes = made.iter().map(|(_, plan)| plan.dispatches.iter().map(&mut sizes).collect()).collect();
        let extra = extra.iter().map(&mut place).collect();
        self.constants = constants;
        if !self.constants.is_empty() {
            self.buffers.push(BufferPlan { kind: BufferKind::Constants, bytes: self.constants.len() as u64 * 4 });
        }
        extra
    }

    /// Places activations and scratch memory in banks. The tensors of `kept` are alive to the end.
    pub(super) fn place_banks(
        &mut self,
        graph: &Graph,
        limits: &Limits,
        made: &[(NodeId, NodePlan)],
        sharing: &Sharing<'_>,
        kept: &[NodeId],
    ) {
        let requests = Requests::new(graph, made, sharing, &self.tensors, kept);
        for (step, (id, _)) in made.iter().enumerate().filter(|(_, (_, plan))| !plan.dispatches.is_empty()) {
            if let Some(placed) = &mut self.tensors[id.0] {
                placed.first = step;
            }
        }
        self.lower_bound = requests.lower_bound();
        let [apart, never] = requests.conflicts(graph, made);
        let assignment = memory::assign(&requests.all, &apart, &never, limits.alignment, limits.max_buffer);
        let first = self.buffers.len();
        let placed = |r: usize| placed(&assignment, &requests.all, first, r);
        for id in (0..graph.nodes().len()).map(NodeId) {
            match requests.of[id.0] {
                Some(r) => self.tensors[id.0] = Some(placed(r)),
                None => self.tensors[id.0] = self.tensors[requests.source[id.0].0],
            }
        }
        self.scratch = requests.scratch.iter().map(|range| range.clone().map(placed).collect()).collect();
        self.strips = requests.strips.iter().map(|strips| strips.map(placed)).collect();
        self.buffers.extend(assignment.banks.iter().map(|&bytes| BufferPlan { kind: BufferKind::Bank, bytes }));
    }

    /// Completes the plan: replaces slots by byte ranges of buffers.
    pub(super) fn resolve(self, graph: &Graph, made: Vec<(NodeId, NodePlan)>, outputs: &[NodeId]) -> Plan {
        let mut steps = Vec::with_capacity(made.len());
        for (step, (id, plan)) in made.into_iter().enumerate() {
            let node = graph.node(id);
            let tensor = |id: NodeId| self.tensors[id.0].map_or(Place { buffer: 0, offset: 0, bytes: 0 }, |t| t.place);
            let place = |b: &Binding| {
                let of = match b.slot {
                    Slot::Input(i) => tensor(node.inputs[i]),
                    Slot::Output => tensor(id),
                    Slot::Scratch(i) => self.scratch[step][i].place,
                    Slot::Constant(i) => self.tables[step][i],
                    Slot::Strips => self.strips[step].expect("the step reads strips: a bug of atrous").place,
                };
                Place { buffer: of.buffer, offset: of.offset + b.offset, bytes: b.size }
            };
            let dispatches = plan.dispatches.iter().zip(&self.sizes[step]).map(|(d, table)| {
                let places = d.bindings.iter().map(place).chain(*table).collect();
                PlannedDispatch::new(d.shader.clone(), d.pipeline_constants(), places, d.grid)
            });
            let dispatches: Vec<PlannedDispatch> = dispatches.collect();
            // A step that reads strips does not read the tensor that they are of.
            let bytes = match self.strips[step] {
                Some(_) => dispatches.iter().flat_map(|d| &d.bindings).map(|place| place.bytes).sum(),
                None => cost::bytes(graph, id) + plan.strips.map_or(0, |strips| plan.scratch[strips.scratch]),
            };
            steps.push(Step {
                node: id,
                name: node.name.clone(),
                op: node.op.name(),
                operation: operation(graph, id),
                variant: plan.variant,
                tile: plan.tile,
                dispatches,
                declined: plan.declined,
                macs: cost::macs(graph, id),
                bytes,
            });
        }
        Plan {
            buffers: self.buffers,
            constants: self.constants,
            steps,
            tensors: self.tensors,
            parameters: self.parameters,
            scratch: self.scratch.into_iter().flatten().collect(),
            inputs: self.inputs,
            outputs: outputs.to_vec(),
            lower_bound: self.lower_bound,
            after: Vec::new(),
            totals: Vec::new(),
            training: None,
        }
    }
}

fn placed(assignment: &Assignment, requests: &[Request], first_bank: usize, r: usize) -> TensorPlan {
    let (bank, offset) = assignment.places[r];
    let place = Place { buffer: first_bank + bank, offset, bytes: requests[r].bytes };
    TensorPlan { place, first: requests[r].first, last: requests[r].last }
}

/// The operation of a node, with the types of its tensors.
fn operation(graph: &Graph, id: NodeId) -> Operation {
    let node = graph.node(id);
    Operation { op: node.op, inputs: node.inputs.iter().map(|i| graph.node(*i).ty).collect(), output: node.ty }
}
