//! The dispatches that update parameters, a few for each buffer of parameters.

use atrous_graph::optim::Training;
use atrous_graph::{Graph, NodeId, Op};

use super::buffers::{Flat, TrainingBuffers};
use super::contents::Plan;
use super::memory::Place;
use super::step::PlannedDispatch;
use super::totals::sum_totals;
use super::update::{TrainingPlan, Update, dispatch, linear};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::optim::{control, update};
use crate::target::Target;

type Made = Result<Vec<PlannedDispatch>, PlanError>;

/// What follows the steps of a training's plan.
pub(super) struct Following<'a> {
    /// The plan of the steps.
    pub(super) plan: &'a Plan,
    pub(super) training: &'a Training,
    pub(super) buffers: &'a TrainingBuffers,
    /// Where the host tells of the step.
    pub(super) step: Place,
    /// The places of [`TrainingBuffers::tables`].
    pub(super) tables: &'a [Place],
    pub(super) target: &'a Target,
}

impl Following<'_> {
    /// What every run does after the steps; `copies` are gradients that lie elsewhere than the updates look for them.
    pub(super) fn after(&self, copies: &[(NodeId, Place)]) -> Result<Vec<Update>, PlanError> {
        let copy = |(node, to): &(NodeId, Place)| {
            linear(Kernel::new("optim/copy", ""), &[self.place(*node), *to], self.target)
        };
        let gather = Update { name: "copy gradients", dispatches: copies.iter().map(copy).collect::<Result<_, _>>()? };
        let mut after = vec![gather, self.norm(&|flat| flat.gradients, 0)?];
        if self.training.accumulate {
            after.push(Update { name: "accumulate", dispatches: self.accumulate(0)? });
        }
        after.push(Update { name: "assign", dispatches: self.assign()? });
        after.push(sum_totals(self.plan, &self.buffers.totals, Some(self.buffers.control), self.target)?);
        after.retain(|update| !update.dispatches.is_empty());
        Ok(after)
    }

    /// What a run with an update does after that, and what else there is to a training of this graph.
    pub(super) fn training(&self, graph: &Graph) -> Result<TrainingPlan, PlanError> {
        let training = self.training;
        let mut last = Vec::new();
        if training.accumulate {
            last.push(self.norm(&|flat| flat.accumulated.unwrap_or(flat.gradients), 1)?);
        }
        last.push(Update { name: training.optimizer.name(), dispatches: self.update()? });
        if training.accumulate {
            last.push(Update { name: "clear", dispatches: self.accumulate(1)? });
        }
        last.retain(|update| !update.dispatches.is_empty());
        Ok(TrainingPlan {
            optimizer: training.optimizer,
            step: self.step,
            control: self.buffers.control,
            loss_scale: training.loss_scale.zip(self.buffers.scales),
            accumulate: training.accumulate,
            parameters: whole(graph, training),
            update: last,
        })
    }

    fn place(&self, id: NodeId) -> Place {
        self.plan.tensors[id.0].expect("a node that is needed has a place").place
    }

    /// Each buffer of parameters with the places of its tables: chunks that are updated, and that are assigned.
    fn flats(&self) -> impl Iterator<Item = (&Flat, &[Place; 2])> {
        self.buffers.flats.iter().zip(self.tables.as_chunks::<2>().0)
    }

    /// One invocation for each of these chunks.
    fn over(&self, kernel: Kernel, chunks: Place, places: &[Place]) -> Result<PlannedDispatch, PlanError> {
        let count = (chunks.bytes / 16) as usize;
        dispatch(kernel.sizes([("COUNT", count)]), places, count as u64, self.target)
    }

    /// Each buffer with parameters that are updated, and the place of their chunks.
    fn trained(&self) -> impl Iterator<Item = (&Flat, Place)> {
        self.flats().filter(|(flat, _)| !flat.trained.is_empty()).map(|(flat, [table, _])| (flat, *table))
    }

    /// The norm over all gradients, and what it decides.
    fn norm(&self, gradient: &dyn Fn(&Flat) -> Place, after: usize) -> Result<Update, PlanError> {
        let (mut dispatches, mut first) = (Vec::new(), 0);
        for (flat, table) in self.trained() {
            let kernel = Kernel::new("optim/square_norm", "").sizes([("FIRST", first)]);
            dispatches.push(self.over(kernel, table, &[gradient(flat), table, self.buffers.partials])?);
            first += flat.trained.len() / 4;
        }
        let mut kernel = control(self.training);
        kernel = kernel.sizes([("COUNT", first), ("AFTER", after)]);
        if let Some(scale) = self.training.loss_scale {
            // The last one decides of an update.
            let decides = usize::from(after == usize::from(self.training.accumulate));
            kernel = kernel.sizes([("DECIDES", decides), ("INTERVAL", scale.scaling.interval as usize)]);
        }
        let TrainingBuffers { partials, control, scales, .. } = self.buffers;
        let places = [*partials, self.step, self.place(self.training.loss), *control].into_iter().chain(*scales);
        dispatches.push(dispatch(kernel, &places.collect::<Vec<_>>(), 1, self.target)?);
        Ok(Update { name: "gradient norm", dispatches })
    }

    /// Gives the assigned parameters their values.
    fn assign(&self) -> Made {
        let assigned = self.flats().filter(|(flat, _)| !flat.assigned.is_empty());
        let assign = assigned.map(|(flat, [_, table])| {
            let places = [flat.gradients, *table, self.buffers.control, flat.parameters];
            self.over(Kernel::new("optim/assign", ""), *table, &places)
        });
        assign.collect()
    }

    /// Adds the gradients to their sums, or clears those.
    fn accumulate(&self, clear: usize) -> Made {
        // What overflowed makes the sum overflow, so that its update is skipped as a whole; then it is cleared as after any other.
        let sizes = [("CLEAR", clear), ("ALWAYS", usize::from(self.training.loss_scale.is_some()))];
        let accumulate = self.trained().map(|(flat, table)| {
            let sum = flat.accumulated.unwrap_or(flat.gradients);
            let places = [flat.gradients, table, self.buffers.control, sum];
            self.over(Kernel::new("optim/accumulate", "").sizes(sizes), table, &places)
        });
        accumulate.collect()
    }

    /// Updates the parameters by the optimizer's rule.
    fn update(&self) -> Made {
        let update = self.trained().map(|(flat, table)| {
            let gradient = flat.accumulated.unwrap_or(flat.gradients);
            let places = [&[gradient, table, self.buffers.control, flat.parameters], &flat.state[..]].concat();
            self.over(update(&self.training.optimizer), table, &places)
        });
        update.collect()
    }
}

/// The parameters that are updated, each once.
fn whole(graph: &Graph, training: &Training) -> Vec<NodeId> {
    let is_piece = |id: NodeId| matches!(graph.node(id).op, Op::Slice(_));
    let parameter = |id: NodeId| if is_piece(id) { graph.node(id).inputs[0] } else { id };
    let mut parameters: Vec<NodeId> = training.gradients.iter().map(|(id, _)| parameter(*id)).collect();
    parameters.dedup();
    parameters
}
