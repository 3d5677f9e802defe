//! The dispatches that update parameters, a few for each buffer of parameters.

use std::collections::{BTreeMap, HashMap};

use atrous_graph::optim::{ParameterGroup, Training};
use atrous_graph::{Graph, NodeId, Op};

use super::make::Layout;
use super::totals::{place_totals, sum_totals};
use super::{BufferKind, BufferPlan, Place, Plan, PlannedDispatch, TensorPlan, TrainingPlan};
use crate::kernel::Kernel;
use crate::optim::{REPORT_LEN, chunks, control, update};
use crate::{Binding, Limits, PlanError, Slot, Target};

/// One thing that is done after the steps of a graph.
#[derive(Clone, Debug)]
pub struct Update {
    /// What the dispatches do, such as `gradient norm` or `sgd`.
    pub name: &'static str,
    /// The dispatches in order.
    pub dispatches: Vec<PlannedDispatch>,
}

/// Bytes of the loss scale and of what it is counted by, a vec4 each.
const SCALES_BYTES: u64 = 32;

type Made = Result<Vec<PlannedDispatch>, PlanError>;

/// A buffer of parameters, and those of the same layout beside it.
struct Flat {
    parameters: Place,
    gradients: Place,
    state: Vec<Place>,
    accumulated: Option<Place>,
    /// Chunks of the parameters that are updated.
    trained: Vec<u32>,
    /// Chunks of the parameters that are assigned.
    assigned: Vec<u32>,
}

/// Where all that updates need lies.
pub(super) struct Updates {
    flats: Vec<Flat>,
    control: Place,
    partials: Place,
    scales: Option<Place>,
    pub(super) totals: Vec<(NodeId, Place)>,
    /// The parameters that are updated, each once.
    parameters: Vec<NodeId>,
}

impl Updates {
    /// Adds the buffers beside those of the parameters. The loss scale is alive in all of `steps` steps.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the totals do not fit a buffer.
    pub(super) fn place(
        graph: &Graph,
        training: &Training,
        limits: &Limits,
        steps: usize,
        layout: &mut Layout,
    ) -> Result<Self, PlanError> {
        let groups: HashMap<NodeId, &ParameterGroup> =
            training.groups.iter().flat_map(|g| g.parameters.iter().map(move |p| (*p, g))).collect();
        let mut tables: BTreeMap<usize, [Vec<u32>; 2]> = BTreeMap::new();
        let pairs = [(0, &training.gradients), (1, &training.assignments)];
        for (table, parameter) in pairs.into_iter().flat_map(|(t, pairs)| pairs.iter().map(move |p| (t, p.0))) {
            let place = place_of(parameter, layout);
            let (lr, decay) = groups.get(&parameter).map_or((0.0, 0.0), |g| (g.lr, g.weight_decay));
            let entries = chunks(&(place.offset..place.offset + place.bytes), lr, decay);
            tables.entry(place.buffer).or_default()[table].extend(entries);
        }
        let chunk_count: usize = tables.values().map(|[trained, _]| trained.len() / 4).sum();
        let buffers = &mut layout.buffers;
        let mut push = |kind, bytes| {
            buffers.push(BufferPlan { kind, bytes });
            Place { buffer: buffers.len() - 1, offset: 0, bytes }
        };
        let control = push(BufferKind::Control, REPORT_LEN as u64 * 4);
        let partials = push(BufferKind::Partials, (chunk_count as u64 * 4).next_multiple_of(16).max(16));
        let scales = training.loss_scale.map(|scale| {
            let scales = push(BufferKind::LossScale, SCALES_BYTES);
            let place = Place { bytes: graph.node(scale.node).ty.bytes(), ..scales };
            layout.tensors[scale.node.0] = Some(TensorPlan { place, first: 0, last: steps });
            scales
        });
        let totals = place_totals(graph, &training.totals, limits, layout)?;
        let mut flats = Vec::new();
        for (buffer, [trained, assigned]) in tables {
            let BufferPlan { kind, bytes } = layout.buffers[buffer];
            let BufferKind::Parameters(i) = kind else { unreachable!("parameters lie in {kind:?}: a bug of atrous") };
            let mut push = |kind| {
                layout.buffers.push(BufferPlan { kind, bytes });
                Place { buffer: layout.buffers.len() - 1, offset: 0, bytes }
            };
            let state = if trained.is_empty() { 0 } else { training.optimizer.state().len() };
            flats.push(Flat {
                parameters: Place { buffer, offset: 0, bytes },
                gradients: push(BufferKind::Gradients(i)),
                state: (0..state).map(|k| push(BufferKind::State(k, i))).collect(),
                accumulated: (training.accumulate && !trained.is_empty()).then(|| push(BufferKind::Accumulated(i))),
                trained,
                assigned,
            });
        }
        Ok(Self { flats, control, partials, scales, totals, parameters: whole(graph, training) })
    }

    /// Where the gradient of a parameter must lie.
    pub(super) fn gradient_of(&self, parameter: NodeId, layout: &Layout) -> Place {
        let place = place_of(parameter, layout);
        let flat = self.flats.iter().find(|flat| flat.parameters.buffer == place.buffer);
        let buffer = flat.expect("every parameter that is written has its buffers").gradients.buffer;
        Place { buffer, ..place }
    }

    /// The tables of chunks: for each buffer of parameters those that are updated and those that are assigned.
    pub(super) fn tables(&self) -> Vec<Vec<u32>> {
        self.flats.iter().flat_map(|flat| [flat.trained.clone(), flat.assigned.clone()]).collect()
    }

    /// What follows the steps of `plan` in every run, and what else there is to a training; `tables` are the places of [`Self::tables`].
    pub(super) fn plan(
        &self,
        plan: &Plan,
        training: &Training,
        step: Place,
        tables: &[Place],
        copies: &[(NodeId, Place)],
        target: &Target,
    ) -> Result<(Vec<Update>, TrainingPlan), PlanError> {
        let place = |id: NodeId| plan.tensors[id.0].expect("a node that is needed has a place").place;
        let scaled = training.loss_scale.is_some();
        let flats = || self.flats.iter().zip(tables.as_chunks::<2>().0);
        let over = |kernel: Kernel, chunks: Place, places: &[Place]| {
            let count = (chunks.bytes / 16) as usize;
            dispatch(kernel.sizes([("COUNT", count)]), places, count as u64, target)
        };
        // For each buffer with parameters that are updated.
        let trained = |kernel: &dyn Fn(&Flat) -> Kernel, places: &dyn Fn(&Flat, Place) -> Vec<Place>| -> Made {
            let flats = flats().filter(|(flat, _)| !flat.trained.is_empty());
            flats.map(|(flat, [table, _])| over(kernel(flat), *table, &places(flat, *table))).collect()
        };
        let norm = |gradient: &dyn Fn(&Flat) -> Place, after: usize| -> Result<Update, PlanError> {
            let (mut dispatches, mut first) = (Vec::new(), 0);
            for (flat, [table, _]) in flats().filter(|(flat, _)| !flat.trained.is_empty()) {
                let kernel = Kernel::new("optim/square_norm", "").sizes([("FIRST", first)]);
                dispatches.push(over(kernel, *table, &[gradient(flat), *table, self.partials])?);
                first += flat.trained.len() / 4;
            }
            let mut kernel = control(training);
            kernel = kernel.sizes([("COUNT", first), ("AFTER", after)]);
            if let Some(scale) = training.loss_scale {
                // The last one decides of an update.
                let decides = usize::from(after == usize::from(training.accumulate));
                kernel = kernel.sizes([("DECIDES", decides), ("INTERVAL", scale.scaling.interval as usize)]);
            }
            let places = [self.partials, step, place(training.loss), self.control].into_iter().chain(self.scales);
            dispatches.push(dispatch(kernel, &places.collect::<Vec<_>>(), 1, target)?);
            Ok(Update { name: "gradient norm", dispatches })
        };

        let copy = |(node, to): &(NodeId, Place)| linear(Kernel::new("optim/copy", ""), &[place(*node), *to], target);
        let assigned = flats().filter(|(flat, _)| !flat.assigned.is_empty());
        let assign = assigned.map(|(flat, [_, table])| {
            let places = [flat.gradients, *table, self.control, flat.parameters];
            over(Kernel::new("optim/assign", ""), *table, &places)
        });
        let accumulate = |clear: usize| {
            // What overflowed makes the sum overflow, so that its update is skipped as a whole; then it is cleared as after any other.
            let sizes = [("CLEAR", clear), ("ALWAYS", usize::from(scaled))];
            trained(&|_| Kernel::new("optim/accumulate", "").sizes(sizes), &|flat, table| {
                vec![flat.gradients, table, self.control, flat.accumulated.unwrap_or(flat.gradients)]
            })
        };
        let update = trained(&|_| update(&training.optimizer), &|flat, table| {
            let gradient = flat.accumulated.unwrap_or(flat.gradients);
            [&[gradient, table, self.control, flat.parameters], &flat.state[..]].concat()
        });

        let gather = Update { name: "copy gradients", dispatches: copies.iter().map(copy).collect::<Result<_, _>>()? };
        let mut after = vec![gather, norm(&|flat| flat.gradients, 0)?];
        let mut last = Vec::new();
        if training.accumulate {
            after.push(Update { name: "accumulate", dispatches: accumulate(0)? });
            last.push(norm(&|flat| flat.accumulated.unwrap_or(flat.gradients), 1)?);
        }
        after.push(Update { name: "assign", dispatches: assign.collect::<Result<_, _>>()? });
        after.push(sum_totals(plan, &self.totals, Some(self.control), target)?);
        last.push(Update { name: training.optimizer.name(), dispatches: update? });
        if training.accumulate {
            last.push(Update { name: "clear", dispatches: accumulate(1)? });
        }
        after.retain(|update| !update.dispatches.is_empty());
        last.retain(|update| !update.dispatches.is_empty());
        let training = TrainingPlan {
            optimizer: training.optimizer,
            step,
            control: self.control,
            loss_scale: training.loss_scale.zip(self.scales),
            accumulate: training.accumulate,
            parameters: self.parameters.clone(),
            update: last,
        };
        Ok((after, training))
    }
}

/// The parameters that are updated, each once.
fn whole(graph: &Graph, training: &Training) -> Vec<NodeId> {
    let parameter = |id: NodeId| match graph.node(id).op {
        Op::Slice(_) => graph.node(id).inputs[0],
        _ => id,
    };
    let mut parameters: Vec<NodeId> = training.gradients.iter().map(|(id, _)| parameter(*id)).collect();
    parameters.dedup();
    parameters
}

fn place_of(parameter: NodeId, layout: &Layout) -> Place {
    layout.tensors[parameter.0].expect("parameters that are written have a place").place
}

/// One invocation for a vec4 of the first place.
pub(super) fn linear(kernel: Kernel, places: &[Place], target: &Target) -> Result<PlannedDispatch, PlanError> {
    let count = places[0].bytes / 16;
    dispatch(kernel.sizes([("COUNT", count as usize)]), places, count.div_ceil(64), target)
}

fn dispatch(kernel: Kernel, places: &[Place], groups: u64, target: &Target) -> Result<PlannedDispatch, PlanError> {
    let window = |kernel: Kernel, (i, place): (usize, &Place)| {
        kernel.window(Binding { slot: Slot::Input(i), offset: 0, size: place.bytes })
    };
    let made = places.iter().enumerate().fold(kernel, window).groups(groups, target)?;
    Ok(PlannedDispatch::new(made.shader, made.overrides, places.to_vec(), made.grid))
}
