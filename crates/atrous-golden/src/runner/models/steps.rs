//! The losses of a few optimizer steps.

use atrous_graph::optim::{Convention, Optimizer, Training as Update};

use super::super::{CaseError, compare::number};
use super::{
    bounds::Bounds,
    entry::{Sgd, Train},
    network::Network,
    training::Training,
};
use crate::fill::FillSource;

/// Takes as many steps as there are losses and compares the loss before each.
pub(super) fn check(
    network: &Network<'_>,
    train: &Train,
    training: &Training,
    bounds: &Bounds,
) -> Result<(), CaseError> {
    let model = &training.model;
    let update = update(network, train, training)?;
    let source = FillSource::new(model, &network.entry.fill_prefix, network.entry.wvar);
    let parameters = network.executor.upload(&model.graph, &source)?;
    let (count, lr) = (train.losses.len(), train.optimizer.lr);
    let losses = network.executor.train(&model.graph, parameters, &update, &training.inputs(), (count, lr))?;
    for (step, ((got, want), rtol)) in losses.iter().zip(&train.losses).zip(&train.losses_rtol).enumerate() {
        let before = train.losses[..=step].windows(2);
        let changed: f64 = before.map(|pair| (pair[0] - pair[1]).abs()).sum();
        let allowed = (rtol + bounds.losses) * want.abs() + bounds.changes * changed;
        number(&format!("the loss before step {}", step + 1), f64::from(*got), *want, allowed)?;
    }
    match train.losses_rtol.len() == count {
        true => Ok(()),
        false => Err(CaseError::Failed(format!("{count} losses with {} bounds", train.losses_rtol.len()))),
    }
}

/// The update rule of the steps.
pub(super) fn update(network: &Network<'_>, train: &Train, training: &Training) -> Result<Update, CaseError> {
    let convention = if network.entry.framework == "keras" { Convention::Keras } else { Convention::Torch };
    let optimizer = optimizer(&train.optimizer, convention)?;
    Ok(Update::new(training.loss, training.gradients.iter().copied(), optimizer)
        .weight_decay(train.optimizer.weight_decay)
        .assignments(training.model.running.iter().map(|r| (r.parameter, r.value)))
        .loss_scale(training.loss_scale))
}

fn optimizer(sgd: &Sgd, convention: Convention) -> Result<Optimizer, CaseError> {
    if sgd.optimizer != "SGD" {
        return Err(CaseError::Unsupported(format!("the optimizer \"{}\" in a network's training", sgd.optimizer)));
    }
    Ok(Optimizer::Sgd { momentum: sgd.momentum, dampening: sgd.dampening, nesterov: sgd.nesterov, convention })
}
