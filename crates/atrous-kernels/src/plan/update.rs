//! What follows the steps of a graph in every run.

use atrous_graph::NodeId;
use atrous_graph::optim::{LossScale, Optimizer};
use atrous_shaders::Call;

use super::memory::Place;
use super::step::PlannedDispatch;
use crate::dispatch::{Binding, GROUP, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::target::Target;

/// One thing that is done after the steps of a graph.
#[derive(Clone, Debug)]
pub struct Update {
    /// What the dispatches do, such as `gradient norm` or `sgd`.
    pub name: &'static str,
    /// The dispatches in order.
    pub dispatches: Vec<PlannedDispatch>,
}

/// What else there is to a plan that trains.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// The update rule.
    pub optimizer: Optimizer,
    /// Where [`step_data`](crate::optim::step_data) lies, behind the inputs.
    pub step: Place,
    /// What the step [reports](crate::optim::StepReport).
    pub control: Place,
    /// The loss scale, and where it lies: the scale in a vec4, and in another one the updates in a row that were applied since it
    /// changed, and how many have been skipped in all.
    pub loss_scale: Option<(LossScale, Place)>,
    /// Whether runs without an update are possible.
    pub accumulate: bool,
    /// The parameters that are updated.
    pub parameters: Vec<NodeId>,
    /// What a run with an update does after [`Plan::after`](super::Plan::after).
    pub update: Vec<Update>,
}

/// A linear grid of at least so many invocations of a kernel.
pub(super) fn linear(call: Call<Place>, count: usize, target: &Target) -> Result<PlannedDispatch, PlanError> {
    dispatch(call, (count as u64).div_ceil(u64::from(GROUP)), target)
}

/// So many workgroups of a kernel.
pub(super) fn dispatch(call: Call<Place>, groups: u64, target: &Target) -> Result<PlannedDispatch, PlanError> {
    let places = call.bindings.iter().map(|argument| argument.value).collect();
    let window =
        |i: usize, place: Place| Bound::window(Binding { slot: Slot::Input(i), offset: 0, size: place.bytes }, 0);
    let made = Kernel::from(call.map(window)).groups(groups, target)?;
    Ok(PlannedDispatch::new(made.shader, made.overrides, places, made.grid))
}
