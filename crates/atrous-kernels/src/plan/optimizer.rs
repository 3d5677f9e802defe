//! The dispatches that update parameters, a few for each buffer of parameters.

use atrous_graph::optim::Training;
use atrous_graph::{Graph, NodeId, Op};
use atrous_shaders::Call;
use atrous_shaders::optim::{accumulate, assign, control, copy, square_norm};

use super::buffers::{Flat, TrainingBuffers};
use super::contents::Plan;
use super::step::PlannedDispatch;
use super::totals::sum_totals;
use super::update::{TrainingPlan, Update, dispatch, linear};
use crate::error::PlanError;
use crate::optim::{self, Updated};
use crate::place::Place;
use crate::target::Target;

type Made = Result<Vec<PlannedDispatch>, PlanError>;

/// Builds the dispatches after the steps of a training's plan.
pub(super) struct Following<'a> {
    /// The plan of the steps.
    pub(super) plan: &'a Plan,
    pub(super) training: &'a Training,
    pub(super) buffers: &'a TrainingBuffers,
    /// The place of the numbers that the host uploads for the step.
    pub(super) step: Place,
    /// The places of [`TrainingBuffers::tables`].
    pub(super) tables: &'a [Place],
    pub(super) target: &'a Target,
}

impl Following<'_> {
    /// What every run does after the steps. `copies` are gradients that must be copied to the places where the updates
    /// read them.
    pub(super) fn after(&self, copies: &[(NodeId, Place)]) -> Result<Vec<Update>, PlanError> {
        let copy = |(node, to): &(NodeId, Place)| {
            let (x, y) = (self.place(*node), *to);
            linear(copy::call(copy::Constants { count: x.vec4s() }, copy::Bindings { x, y }), x.vec4s(), self.target)
        };
        let gather = Update { name: "copy gradients", dispatches: copies.iter().map(copy).collect::<Result<_, _>>()? };
        let mut after = vec![gather, self.norm(&|flat| flat.gradients, false)?];
        if self.training.accumulate {
            after.push(Update { name: "accumulate", dispatches: self.accumulate(false)? });
        }
        after.push(Update { name: "assign", dispatches: self.assign()? });
        after.push(sum_totals(self.plan, &self.buffers.totals, Some(self.buffers.control), self.target)?);
        after.retain(|update| !update.dispatches.is_empty());
        Ok(after)
    }

    /// What a run with an update does after that, and the other parts of a training's plan.
    pub(super) fn training(&self, graph: &Graph) -> Result<TrainingPlan, PlanError> {
        let training = self.training;
        let mut last = Vec::new();
        if training.accumulate {
            last.push(self.norm(&|flat| flat.accumulated.unwrap_or(flat.gradients), true)?);
        }
        last.push(Update { name: training.optimizer.name(), dispatches: self.update()? });
        if training.accumulate {
            last.push(Update { name: "clear", dispatches: self.accumulate(true)? });
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

    /// Each buffer of parameters with the places of its tables: chunks that are updated, and chunks that are assigned.
    fn flats(&self) -> impl Iterator<Item = (&Flat, &[Place; 2])> {
        self.buffers.flats.iter().zip(self.tables.as_chunks::<2>().0)
    }

    /// A dispatch with a workgroup for each chunk. A chunk is a vec4 of its table.
    fn over(&self, chunks: Place, call: Call<Place>) -> Result<PlannedDispatch, PlanError> {
        dispatch(call, chunks.vec4s() as u64, self.target)
    }

    /// Each buffer with parameters that are updated, and the place of their chunks.
    fn trained(&self) -> impl Iterator<Item = (&Flat, Place)> {
        self.flats().filter(|(flat, _)| !flat.trained.is_empty()).map(|(flat, [table, _])| (flat, *table))
    }

    /// Computes the norm over all gradients, and from it whether and how to update.
    fn norm(&self, gradient: &dyn Fn(&Flat) -> Place, after: bool) -> Result<Update, PlanError> {
        let (mut dispatches, mut first) = (Vec::new(), 0);
        for (flat, table) in self.trained() {
            let constants = square_norm::Constants { count: table.vec4s(), first };
            let bindings = square_norm::Bindings { g: gradient(flat), chunks: table, partials: self.buffers.partials };
            dispatches.push(self.over(table, square_norm::call(constants, bindings))?);
            first += flat.trained.len() / 4;
        }
        let TrainingBuffers { partials, control, scales, .. } = *self.buffers;
        let (step, loss) = (self.step, self.place(self.training.loss));
        let bindings = control::Bindings { partials, step, loss, control, scales };
        dispatches.push(dispatch(optim::control(self.training, first, after, bindings), 1, self.target)?);
        Ok(Update { name: "gradient norm", dispatches })
    }

    /// Gives the assigned parameters their values.
    fn assign(&self) -> Made {
        let assigned = self.flats().filter(|(flat, _)| !flat.assigned.is_empty());
        let assign = assigned.map(|(flat, &[_, chunks])| {
            let (g, control, p) = (flat.gradients, self.buffers.control, flat.parameters);
            let constants = assign::Constants { count: chunks.vec4s() };
            self.over(chunks, assign::call(constants, assign::Bindings { g, chunks, control, p }))
        });
        assign.collect()
    }

    /// Adds the gradients to their sums, or clears the sums.
    fn accumulate(&self, clear: bool) -> Made {
        // With a loss scale, gradients that overflowed are added too. The sum overflows then, so that its update is
        // skipped as a whole, and it is cleared as after every update.
        let always = self.training.loss_scale.is_some();
        let accumulate = self.trained().map(|(flat, chunks)| {
            let y = flat.accumulated.unwrap_or(flat.gradients);
            let constants = accumulate::Constants { count: chunks.vec4s(), clear, always };
            let (g, control) = (flat.gradients, self.buffers.control);
            self.over(chunks, accumulate::call(constants, accumulate::Bindings { g, chunks, control, y }))
        });
        accumulate.collect()
    }

    /// Updates the parameters by the optimizer's rule.
    fn update(&self) -> Made {
        let update = self.trained().map(|(flat, chunks)| {
            let updated = Updated {
                gradient: flat.accumulated.unwrap_or(flat.gradients),
                chunks,
                control: self.buffers.control,
                parameters: flat.parameters,
                state: &flat.state,
            };
            self.over(chunks, optim::update(&self.training.optimizer, chunks.vec4s(), &updated))
        });
        update.collect()
    }
}

/// The parameters that are updated, each once, also if it is updated in pieces.
fn whole(graph: &Graph, training: &Training) -> Vec<NodeId> {
    let is_piece = |id: NodeId| matches!(graph.node(id).op, Op::Slice(_));
    let parameter = |id: NodeId| if is_piece(id) { graph.node(id).inputs[0] } else { id };
    let mut parameters: Vec<NodeId> = training.gradients.iter().map(|(id, _)| parameter(*id)).collect();
    parameters.dedup();
    parameters
}
