//! The buffers that a training step needs besides those of the parameters.

use std::collections::{BTreeMap, HashMap};

use atrous_graph::optim::{ParameterGroup, Training};
use atrous_graph::{Graph, NodeId};

use super::layout::Layout;
use super::memory::{BufferKind, BufferPlan, TensorPlan};
use super::totals::place_totals;
use crate::error::PlanError;
use crate::limits::Limits;
use crate::optim::{REPORT_LEN, chunks};
use crate::place::Place;

/// Bytes of the loss scale and of its counters, a vec4 each.
const SCALES_BYTES: u64 = 32;

/// A buffer of parameters, and the buffers of the same layout.
pub(super) struct Flat {
    pub(super) parameters: Place,
    pub(super) gradients: Place,
    pub(super) state: Vec<Place>,
    pub(super) accumulated: Option<Place>,
    /// Table of chunks of the parameters that are updated.
    pub(super) trained: Vec<u32>,
    /// Table of chunks of the parameters that are assigned.
    pub(super) assigned: Vec<u32>,
}

/// The places of the buffers that updates need.
pub(super) struct TrainingBuffers {
    pub(super) flats: Vec<Flat>,
    pub(super) control: Place,
    pub(super) partials: Place,
    pub(super) scales: Option<Place>,
    pub(super) totals: Vec<(NodeId, Place)>,
}

impl TrainingBuffers {
    /// Adds all buffers besides those of the parameters. The loss scale is alive in all of `steps` steps.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the totals exceed a buffer.
    pub(super) fn place(
        graph: &Graph,
        training: &Training,
        limits: &Limits,
        steps: usize,
        layout: &mut Layout,
    ) -> Result<Self, PlanError> {
        let tables = tables(training, layout);
        let chunk_count: usize = tables.values().map(|[trained, _]| trained.len() / 4).sum();
        let control = add(layout, BufferKind::Control, REPORT_LEN as u64 * 4);
        let partials = add(layout, BufferKind::Partials, (chunk_count as u64 * 4).next_multiple_of(16).max(16));
        let scales = training.loss_scale.map(|scale| {
            let scales = add(layout, BufferKind::LossScale, SCALES_BYTES);
            let place = Place { bytes: graph.node(scale.node).ty.bytes(), ..scales };
            layout.tensors[scale.node.0] = Some(TensorPlan { place, first: 0, last: steps });
            scales
        });
        let totals = place_totals(graph, &training.totals, limits, layout)?;
        let flats = tables.into_iter().map(|(buffer, tables)| Flat::place(buffer, tables, training, layout)).collect();
        Ok(Self { flats, control, partials, scales, totals })
    }

    /// The place where the gradient of a parameter must be written.
    pub(super) fn gradient_of(&self, parameter: NodeId, layout: &Layout) -> Place {
        let place = place_of(parameter, layout);
        let flat = self.flats.iter().find(|flat| flat.parameters.buffer == place.buffer);
        let buffer = flat.expect("every parameter that is written has its buffers").gradients.buffer;
        Place { buffer, ..place }
    }

    /// The tables of chunks. For each buffer of parameters: those that are updated, then those that are assigned.
    pub(super) fn tables(&self) -> Vec<Vec<u32>> {
        self.flats.iter().flat_map(|flat| [flat.trained.clone(), flat.assigned.clone()]).collect()
    }
}

impl Flat {
    /// Adds the buffers that have the layout of a buffer of parameters.
    fn place(buffer: usize, [trained, assigned]: [Vec<u32>; 2], training: &Training, layout: &mut Layout) -> Self {
        let BufferPlan { kind, bytes } = layout.buffers[buffer];
        let BufferKind::Parameters(i) = kind else { unreachable!("parameters lie in {kind:?}: a bug of atrous") };
        let mut beside = |kind| add(layout, kind, bytes);
        let state = if trained.is_empty() { 0 } else { training.optimizer.state().len() };
        Self {
            parameters: Place { buffer, offset: 0, bytes },
            gradients: beside(BufferKind::Gradients(i)),
            state: (0..state).map(|k| beside(BufferKind::State(k, i))).collect(),
            accumulated: (training.accumulate && !trained.is_empty()).then(|| beside(BufferKind::Accumulated(i))),
            trained,
            assigned,
        }
    }
}

/// For each buffer of parameters: the chunks of parameters that are updated, and of those that are assigned.
fn tables(training: &Training, layout: &Layout) -> BTreeMap<usize, [Vec<u32>; 2]> {
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
    tables
}

/// Adds a buffer.
fn add(layout: &mut Layout, kind: BufferKind, bytes: u64) -> Place {
    layout.buffers.push(BufferPlan { kind, bytes });
    Place { buffer: layout.buffers.len() - 1, offset: 0, bytes }
}

fn place_of(parameter: NodeId, layout: &Layout) -> Place {
    layout.tensors[parameter.0].expect("parameters that are written have a place").place
}
