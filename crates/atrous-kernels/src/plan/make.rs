//! Making a plan: which nodes run, how, and on which bytes.

use std::collections::HashMap;

use atrous_graph::memory::{self, Assignment, Request};
use atrous_graph::op::Fused;
use atrous_graph::optim::validate_totals;
use atrous_graph::{Graph, NodeId, Op, cost};

use super::requests::Requests;
use super::share::Sharing;
use super::totals::{place_totals, sum_totals};
use super::{
    BufferKind, BufferPlan, ParameterPlacement, Piece, Place, Plan, PlannedDispatch, Step, TensorPlan, place_parameters,
};
use crate::family::plan_parts;
use crate::norm::plan_strips;
use crate::{
    Binding, Declined, Dispatch, Limits, NodePlan, Operation, Part, PlanError, Problem, Slot, Strips, Target, variants,
};

/// Plans the nodes that `outputs` need, in the order of the graph, and checks the result.
///
/// Filters that are larger than a binding must have been [cut](atrous_graph::passes::Optimized::cut_filters) to
/// [`Limits::max_parameter`].
///
/// # Errors
/// [`PlanError::UnknownNode`], [`PlanError::Node`] naming the node that no kernel serves or that passes the adapter's limits.
pub fn plan(graph: &Graph, outputs: &[NodeId], target: &Target) -> Result<Plan, PlanError> {
    plan_evaluation(graph, outputs, &[], target)
}

/// [`plan`] of a graph whose `totals` are summed on the device from run to run.
///
/// # Errors
/// As [`plan`], and [`PlanError::Totals`].
pub fn plan_evaluation(
    graph: &Graph,
    outputs: &[NodeId],
    totals: &[NodeId],
    target: &Target,
) -> Result<Plan, PlanError> {
    known(graph, "output", outputs)?;
    known(graph, "total", totals)?;
    let kept = [outputs, totals].concat();
    validate_totals(graph, totals).map_err(PlanError::Totals)?;
    let parameters = place_parameters(graph, &target.limits)?;
    let nodes = needed(graph, &kept);
    parameters.check(graph, &nodes, &kept, &target.limits)?;
    let (sharing, made) = plan_nodes(graph, &nodes, &kept, &parameters, target)?;
    let mut layout = Layout::new(graph, parameters);
    layout.place_fixed(graph, &target.limits, made.len(), &nodes, 0)?;
    let totals = place_totals(graph, totals, &target.limits, &mut layout)?;
    layout.place_constants(&target.limits, &made, &[]);
    layout.place_banks(graph, &target.limits, &made, &sharing, &kept);
    let mut plan = layout.resolve(graph, made, outputs);
    if !totals.is_empty() {
        plan.after = vec![sum_totals(&plan, &totals, None, target)?];
        plan.totals = totals;
    }
    plan.check(&target.limits)?;
    Ok(plan)
}

/// Checks that nodes are of a graph.
pub(crate) fn known(graph: &Graph, what: &'static str, ids: &[NodeId]) -> Result<(), PlanError> {
    let nodes = graph.nodes().len();
    match ids.iter().find(|id| id.0 >= nodes) {
        Some(&node) => Err(PlanError::UnknownNode { what, node, nodes }),
        None => Ok(()),
    }
}

/// Chooses the kernels of all nodes but inputs, parameters and their pieces, and where results lie in other tensors. The results of
/// `kept` are needed after the plan.
pub(super) fn plan_nodes<'a>(
    graph: &'a Graph,
    nodes: &[NodeId],
    kept: &[NodeId],
    parameters: &ParameterPlacement,
    target: &Target,
) -> Result<(Sharing<'a>, Vec<(NodeId, NodePlan)>), PlanError> {
    let given =
        |id: &NodeId| matches!(graph.node(*id).op, Op::Input | Op::Parameter) || parameters.piece(graph, *id).is_some();
    let (given, nodes): (Vec<NodeId>, Vec<NodeId>) = nodes.iter().partition(|id| given(id));
    let with = |skips: bool| {
        let sharing = Sharing::of(graph, &nodes, &given, kept, &target.limits, skips);
        let made = plan_shared(graph, &nodes, &sharing, target)?;
        let bytes = Requests::new(graph, &made, &sharing, &vec![None; graph.nodes().len()], kept).lower_bound();
        Ok((bytes, (sharing, made)))
    };
    let (written, plan) = with(true)?;
    if !plan.0.has_skips() {
        return Ok(plan);
    }
    // A skip that lies in its concatenation is not copied, but the concatenation lives as long as the skip.
    let (copied, other) = with(false)?;
    Ok(if copied < written { other } else { plan })
}

fn plan_shared(
    graph: &Graph,
    nodes: &[NodeId],
    sharing: &Sharing<'_>,
    target: &Target,
) -> Result<Vec<(NodeId, NodePlan)>, PlanError> {
    let mut made = Vec::new();
    let mut strips: HashMap<NodeId, Strips> = HashMap::new();
    let is_forced =
        target.variant.is_some_and(|variant| variants(&Op::Fused(Fused::BatchStatistics)).contains(&variant));
    for &id in nodes {
        let node = graph.node(id);
        let (inputs, output) = sharing.parts(id);
        let output = Part { measured: output.measured && !is_forced, ..output };
        let measured = if node.op == Op::Fused(Fused::BatchStatistics) {
            strips.get(&sharing.source(node.inputs[0]))
        } else {
            None
        };
        let planned = match measured {
            Some(strips) => plan_strips(strips, &Problem { op: &node.op, inputs: &inputs, output, target }),
            None => plan_parts(&node.op, &inputs, output, target),
        };
        let mut plan = planned.map_err(|source| PlanError::Node {
            op: node.op.name(),
            node: node.name.clone(),
            source: Box::new(source),
        })?;
        if node.op == Op::Fused(Fused::BatchStatistics) && measured.is_none() {
            let reason = "what makes its input does not measure it";
            plan.declined.insert(0, Declined { variant: "strips", reason });
        }
        strips.extend(plan.strips.map(|strips| (id, strips)));
        plan.declined.extend_from_slice(sharing.copied(id));
        made.push((id, plan));
    }
    Ok(made)
}

/// The operation of a node, with the types of its tensors.
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
    /// By node. Inputs and parameters have their places first, and the placing of the banks leaves those as they are.
    pub(super) tensors: Vec<Option<TensorPlan>>,
    parameters: ParameterPlacement,
    /// By step: its scratch tensors.
    scratch: Vec<Vec<TensorPlan>>,
    /// By step: the strips that it reads, scratch of another.
    strips: Vec<Option<TensorPlan>>,
    /// By step: the places of its constant tables.
    tables: Vec<Vec<Place>>,
    /// By step and dispatch: the place of its table of sizes.
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
        let first = self.buffers.len();
        let kinds = self.parameters.buffers.iter().enumerate();
        self.buffers.extend(kinds.map(|(i, &bytes)| BufferPlan { kind: BufferKind::Parameters(i), bytes }));
        for &id in nodes {
            let node = graph.node(id);
            let piece = match (node.op, self.parameters.places.get(&node.name).map(Vec::as_slice)) {
                (Op::Parameter, Some([whole])) => Some(*whole),
                _ => self.parameters.piece(graph, id),
            };
            self.tensors[id.0] = self.tensors[id.0].or(piece.map(|Piece { buffer, offset, ty, .. }| {
                let place = Place { buffer: first + buffer, offset, bytes: ty.bytes() };
                TensorPlan { place, first: 0, last: steps }
            }));
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
        let mut sizes = |dispatch: &Dispatch| dispatch.table().map(|table| place(&table));
        self.sizes = made.iter().map(|(_, plan)| plan.dispatches.iter().map(&mut sizes).collect()).collect();
        let extra = extra.iter().map(&mut place).collect();
        self.constants = constants;
        if !self.constants.is_empty() {
            self.buffers.push(BufferPlan { kind: BufferKind::Constants, bytes: self.constants.len() as u64 * 4 });
        }
        extra
    }

    /// Activations and scratch memory. The tensors of `kept` live to the end.
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
                    Slot::Strips => self.strips[step].expect("the step reads strips: a bug of atrous").place,
                };
                Place { buffer: of.buffer, offset: of.offset + b.offset, bytes: b.size }
            };
            let dispatches = plan.dispatches.iter().zip(&self.sizes[step]).map(|(d, table)| {
                let places = d.bindings.iter().map(place).chain(*table).collect();
                PlannedDispatch::new(d.shader.clone(), d.pipeline_constants(), places, d.grid)
            });
            let dispatches: Vec<PlannedDispatch> = dispatches.collect();
            // Strips are read in the place of the map.
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
