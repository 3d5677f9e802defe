//! What a run does after the steps of a graph.

use atrous_graph::NodeId;
use atrous_graph::optim::{LossScale, Optimizer};
use atrous_shaders::Call;

use super::step::PlannedDispatch;
use crate::dispatch::{Binding, GROUP, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::place::Place;
use crate::target::Target;

/// One task after the steps of a graph.
#[derive(Clone, Debug)]
pub struct Update {
    /// What the dispatches do, such as `gradient norm` or `sgd`.
    pub name: &'static str,
    /// The dispatches in order.
    pub dispatches: Vec<PlannedDispatch>,
}

/// The parts of a plan that only trainings have.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// The update rule.
    pub optimizer: Optimizer,
    /// The place of [`step_data`](crate::optim::step_data), after the inputs.
    pub step: Place,
    /// The place of the step's [report](crate::optim::StepReport).
    pub control: Place,
    /// The loss scale and its place. The first vec4 has the scale; the second the number of consecutive applied updates
    /// since it changed, and the number of all skipped updates.
    pub loss_scale: Option<(LossScale, Place)>,
    /// Whether runs without an update are possible.
    pub accumulate: bool,
    /// The parameters that are updated.
    pub parameters: Vec<NodeId>,
    /// What a run with an update does after [`Plan::after`](super::Plan::after).
    pub update: Vec<Update>,
}

/// A dispatch of a kernel with a linear grid of at least `count` invocations.
pub(super) fn linear(call: Call<Place>, count: usize, target: &Target) -> Result<PlannedDispatch, PlanError> {
    dispatch(call, (count as u64).div_ceil(u64::from(GROUP)), target)
}

/// A dispatch of a kernel with a linear grid of `groups` workgroups.
pub(super) fn dispatch(call: Call<Place>, groups: u64, target: &Target) -> Result<PlannedDispatch, PlanError> {
    let places = call.bindings.iter().map(|argument| argument.value).collect();
    let window =
        |i: usize, place: Place| Bound::window(Binding { slot: Slot::Input(i), offset: 0, size: place.bytes }, 0);
    let made = Kernel::from(call.map(window)).groups(groups, target)?;
    Ok(PlannedDispatch::new(made.shader, made.overrides, places, made.grid))
}
