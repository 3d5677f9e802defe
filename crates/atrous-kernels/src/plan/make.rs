//! Making a plan: which nodes run, how, and on which bytes.

use std::collections::HashMap;

use atrous_graph::memory::{self, Assignment, Request};
use atrous_graph::{Graph, NodeId, Op, cost};
use atrous_shaders::Access;

use super::{BufferKind, BufferPlan, Place, Plan, PlannedDispatch, Step, TensorPlan, place_parameters};
use crate::{Binding, Limits, NodePlan, Operation, PlanError, Slot, Target};

/// Plans the nodes that `outputs` need, in the order of the graph, and checks the result.
///
/// # Errors
/// [`PlanError`] naming the node that no kernel serves or that passes the adapter's limits.
pub fn plan(graph: &Graph, outputs: &[NodeId], target: &Target) -> Result<Plan, PlanError> {
    let nodes = needed(graph, outputs);
    let made = plan_nodes(graph, &nodes, target)?;
    let mut layout = Layout::new(graph);
    layout.place_fixed(graph, &target.limits, made.len(), &nodes, 0)?;
    layout.place_constants(&target.limits, &made, &[]);
    layout.place_banks(graph, &target.limits, &made, outputs);
    let plan = layout.resolve(graph, made, outputs);
    plan.check(&target.limits)?;
    Ok(plan)
}

/// Chooses the kernels of all nodes but inputs and parameters.
pub(super) fn plan_nodes(
    graph: &Graph,
    nodes: &[NodeId],
    target: &Target,
) -> Result<Vec<(NodeId, NodePlan)>, PlanError> {
    let mut made = Vec::new();
    for &id in nodes.iter().filter(|id| !matches!(graph.node(**id).op, Op::Input | Op::Parameter)) {
        let node = graph.node(id);
        let plan = operation(graph, id).plan(target).map_err(|source| PlanError::Node {
            op: node.op.name(),
            node: node.name.clone(),
            source: Box::new(source),
        })?;
        made.push((id, plan));
    }
    Ok(made)
}

/// What a node computes.
fn operation(graph: &Graph, id: NodeId) -> Operation {
    let node = graph.node(id);
    Operation { op: node.op, inputs: node.inputs.iter().map(|i| graph.node(*i).ty).collect(), output: node.ty }
}

/// The nodes that `outputs` need, in the order of the graph.
pub(super) fn needed(graph: &Graph, outputs: &[NodeId]) -> Vec<NodeId> {
    let mut needed = vec![false; graph.nodes().len()];
    for id in outputs {
        needed[id.0] = true;
    }
    for i in (0..needed.len()).rev() {
        if needed[i] {
            for input in &graph.nodes()[i].inputs {
                needed[input.0] = true;
            }
        }
    }
    (0..needed.len()).map(NodeId).filter(|id| needed[id.0]).collect()
}

/// All tensors of a plan with their places.
pub(super) struct Layout {
    pub(super) buffers: Vec<BufferPlan>,
    constants: Vec<u32>,
    /// By node. Who is placed before the banks are keeps its place.
    pub(super) tensors: Vec<Option<TensorPlan>>,
    /// By step: its scratch tensors.
    scratch: Vec<Vec<TensorPlan>>,
    /// By step: the places of its constant tables.
    tables: Vec<Vec<Place>>,
    inputs: Vec<NodeId>,
    lower_bound: u64,
}

impl Layout {
    pub(super) fn new(graph: &Graph) -> Self {
        Self {
            buffers: Vec::new(),
            constants: Vec::new(),
            tensors: vec![None; graph.nodes().len()],
            scratch: Vec::new(),
            tables: Vec::new(),
            inputs: Vec::new(),
            lower_bound: 0,
        }
    }

    /// Inputs and parameters, alive throughout. Returns the place of `extra` bytes behind the inputs.
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
        let placement = place_parameters(graph, limits)?;
        let first = self.buffers.len();
        let kinds = placement.buffers.iter().enumerate();
        self.buffers.extend(kinds.map(|(i, &bytes)| BufferPlan { kind: BufferKind::Parameters(i), bytes }));
        for &id in nodes.iter().filter(|id| matches!(graph.node(**id).op, Op::Parameter)) {
            let (buffer, offset, bytes) = placement.places[&graph.node(id).name];
            let place = Place { buffer: first + buffer, offset, bytes };
            self.tensors[id.0] = Some(TensorPlan { place, first: 0, last: steps });
        }
        Ok(behind)
    }

    /// Constant tables, equal ones only once. Returns the places of the `extra` ones.
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
        let extra = extra.iter().map(&mut place).collect();
        self.constants = constants;
        if !self.constants.is_empty() {
            self.buffers.push(BufferPlan { kind: BufferKind::Constants, bytes: self.constants.len() as u64 * 4 });
        }
        extra
    }

    /// Activations and scratch memory. The tensors of `kept` live to the end.
    pub(super) fn place_banks(&mut self, graph: &Graph, limits: &Limits, made: &[(NodeId, NodePlan)], kept: &[NodeId]) {
        let mut requests: Vec<Request> = Vec::new();
        let mut conflicts: Vec<(usize, usize)> = Vec::new();
        // By node: its request, if it lies in a bank. A node without dispatches is its first input.
        let mut request_of: Vec<Option<usize>> = vec![None; graph.nodes().len()];
        let mut source: Vec<NodeId> = (0..graph.nodes().len()).map(NodeId).collect();
        let mut scratch_of: Vec<std::ops::Range<usize>> = Vec::new();
        for (step, (id, plan)) in made.iter().enumerate() {
            let node = graph.node(*id);
            for input in &node.inputs {
                if let Some(r) = request_of[input.0] {
                    requests[r].last = step;
                }
            }
            let first_scratch = requests.len();
            requests.extend(plan.scratch.iter().map(|&bytes| Request { bytes, first: step, last: step }));
            scratch_of.push(first_scratch..requests.len());
            if plan.dispatches.is_empty() {
                source[id.0] = source[node.inputs[0].0];
                request_of[id.0] = request_of[node.inputs[0].0];
                continue;
            }
            match &mut self.tensors[id.0] {
                Some(placed) => placed.first = step,
                None => {
                    request_of[id.0] = Some(requests.len());
                    requests.push(Request { bytes: node.ty.bytes(), first: step, last: step });
                }
            }
            for dispatch in &plan.dispatches {
                let request = |b: &Binding| match b.slot {
                    Slot::Input(i) => request_of[node.inputs[i].0],
                    Slot::Output => request_of[id.0],
                    Slot::Scratch(i) => Some(first_scratch + i),
                    Slot::Constant(_) => None,
                };
                let of = |access: Access| {
                    let with = dispatch.bindings.iter().zip(dispatch.shader.bindings);
                    with.filter(move |(_, a)| **a == access).filter_map(|(b, _)| request(b)).collect::<Vec<_>>()
                };
                let (reads, writes) = (of(Access::Read), of(Access::ReadWrite));
                conflicts.extend(writes.iter().flat_map(|w| reads.iter().map(move |r| (*w, *r))));
            }
        }
        for id in kept {
            if let Some(r) = request_of[id.0] {
                requests[r].last = made.len();
            }
        }
        self.lower_bound = memory::lower_bound(&requests);
        let assignment = memory::assign(&requests, &conflicts, limits.alignment, limits.max_buffer);
        let first = self.buffers.len();
        let placed = |r: usize| placed(&assignment, &requests, first, r);
        for id in (0..graph.nodes().len()).map(NodeId) {
            match request_of[id.0] {
                Some(r) => self.tensors[id.0] = Some(placed(r)),
                None => self.tensors[id.0] = self.tensors[source[id.0].0],
            }
        }
        self.scratch = scratch_of.into_iter().map(|range| range.map(placed).collect()).collect();
        self.buffers.extend(assignment.banks.iter().map(|&bytes| BufferPlan { kind: BufferKind::Bank, bytes }));
    }

    /// Turns slots into byte ranges of buffers.
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
                };
                Place { buffer: of.buffer, offset: of.offset + b.offset, bytes: b.size }
            };
            let dispatches = plan.dispatches.iter().map(|d| PlannedDispatch {
                shader: d.shader,
                overrides: d.overrides.clone(),
                bindings: d.bindings.iter().map(place).collect(),
                grid: d.grid,
            });
            steps.push(Step {
                node: id,
                name: node.name.clone(),
                op: node.op.name(),
                operation: operation(graph, id),
                variant: plan.variant,
                tile: plan.tile,
                dispatches: dispatches.collect(),
                declined: plan.declined,
                macs: cost::macs(graph, id),
                bytes: cost::bytes(graph, id),
            });
        }
        Plan {
            buffers: self.buffers,
            constants: self.constants,
            steps,
            tensors: self.tensors,
            scratch: self.scratch.into_iter().flatten().collect(),
            inputs: self.inputs,
            outputs: outputs.to_vec(),
            lower_bound: self.lower_bound,
            training: None,
        }
    }
}

fn placed(assignment: &Assignment, requests: &[Request], first_bank: usize, r: usize) -> TensorPlan {
    let (bank, offset) = assignment.places[r];
    let place = Place { buffer: first_bank + bank, offset, bytes: requests[r].bytes };
    TensorPlan { place, first: requests[r].first, last: requests[r].last }
}
