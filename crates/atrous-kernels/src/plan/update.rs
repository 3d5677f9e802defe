//! What follows the steps of a graph in every run.

use atrous_graph::NodeId;
use atrous_graph::optim::{LossScale, Optimizer};

use super::memory::Place;
use super::step::PlannedDispatch;
use crate::dispatch::{Binding, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
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

/// One invocation for a vec4 of the first place.
pub(super) fn linear(kernel: Kernel, places: &[Place], target: &Target) -> Result<PlannedDispatch, PlanError> {
    let count = places[0].bytes / 16;
    dispatch(kernel.sizes([("COUNT", count as usize)]), places, count.div_ceil(64), target)
}

/// So many workgroups of a kernel that binds these places.
pub(super) fn dispatch(
    kernel: Kernel,
    places: &[Place],
    groups: u64,
    target: &Target,
) -> Result<PlannedDispatch, PlanError> {
    let window = |kernel: Kernel, (i, place): (usize, &Place)| {
        kernel.window(Binding { slot: Slot::Input(i), offset: 0, size: place.bytes })
    };
    let made = places.iter().enumerate().fold(kernel, window).groups(groups, target)?;
    Ok(PlannedDispatch::new(made.shader, made.overrides, places.to_vec(), made.grid))
}
