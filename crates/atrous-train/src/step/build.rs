//! The graph of a training step.

use std::collections::HashSet;

use atrous_graph::{
    NodeId,
    autodiff::backward_scaled,
    optim::{LossScale, ParameterGroup, Training},
    passes::Precision,
};
use atrous_nn::{Mode, Model};

use super::error::StepError;
use super::settings::{Part, StepSettings};
use crate::context::{Given, LossContext, check_scalar};
use crate::objective::Objective;

/// A training step: plain data that can be planned, printed and run.
#[derive(Clone, Debug)]
pub struct TrainingStep {
    /// The network in training mode, its graph extended by loss and gradients.
    pub model: Model,
    /// The parameters that are updated, and the rules.
    pub training: Training,
    /// The inputs of a step beside the network's input.
    pub given: Given,
}

/// Adds the loss of an objective and its gradients to a network in training mode.
pub(crate) fn build(
    mut model: Model,
    objective: &dyn Objective,
    mut given: Given,
    settings: &StepSettings,
    precision: Precision,
) -> Result<TrainingStep, StepError> {
    if model.mode != Mode::Training {
        return Err(StepError::Inference { network: model.name });
    }
    let frozen: Vec<&str> = settings.frozen.iter().map(String::as_str).collect();
    model.freeze(&frozen)?;
    let loss = objective.loss(&mut LossContext::new(&mut model, &mut given))?;
    check_scalar(&model.graph, loss)?;
    let wrt = model.trainable();
    let graph = &mut model.graph;
    let loss_scale = LossScale::add_for(graph, precision, settings.loss_scaling)?;
    let gradients = backward_scaled(graph, loss, loss_scale, &wrt, &settings.recompute)?;
    let gradients: Vec<(NodeId, NodeId)> =
        wrt.into_iter().zip(gradients).filter_map(|(node, gradient)| Some((node, gradient?))).collect();
    if gradients.is_empty() {
        return Err(StepError::NothingToTrain { network: model.name });
    }
    let groups = groups_of(&model, &gradients, settings.weight_decay, &settings.parts)?;
    let training = Training::new(loss, gradients, settings.optimizer)
        .maximize(settings.maximize)
        .groups(groups)
        .assignments(model.running.iter().map(|update| (update.parameter, update.value)))
        .clip_norm(settings.clip_norm)
        .accumulate(settings.accumulate > 1)
        .loss_scale(loss_scale);
    Ok(TrainingStep { model, training, given })
}

/// The parameters that have a gradient, in groups of equal learning rate and weight decay.
fn groups_of(
    model: &Model,
    gradients: &[(NodeId, NodeId)],
    weight_decay: f64,
    parts: &[Part],
) -> Result<Vec<ParameterGroup>, StepError> {
    let names: Vec<Vec<&str>> = parts.iter().map(|p| p.names.iter().map(String::as_str).collect()).collect();
    let parts: Vec<(&[&str], f64)> = names.iter().zip(parts).map(|(names, p)| (&names[..], p.lr)).collect();
    let mut groups = model.parameter_groups(weight_decay, &parts)?;
    let trained: HashSet<NodeId> = gradients.iter().map(|(parameter, _)| *parameter).collect();
    groups.iter_mut().for_each(|group| group.parameters.retain(|p| trained.contains(p)));
    groups.retain(|group| !group.parameters.is_empty());
    Ok(groups)
}
