//! Whether a checkpoint is one of this training, so that it can be resumed.

use super::{RunFolder, TrainOptions, persist::slots, settings::check_settings};
use crate::{
    Waiting,
    checkpoint::{Checkpoint, CheckpointError, EpochShape, TrainingState},
    data::{DataIdentity, Loader, PictureSet},
    step::TrainingStep,
};

/// The checkpoint to resume from, if the run folder has one: the last, or if there is none, the best. Checks that it
/// belongs to this step, that its training had the settings and data of `state`, that it has not begun more epochs than
/// there are, and that its fields fit each other.
pub(super) fn checkpoint(
    folder: &RunFolder,
    step: &TrainingStep,
    state: &TrainingState,
    options: &TrainOptions,
    train: &Loader,
) -> Result<Option<Checkpoint>, CheckpointError> {
    let Some(path) = RunFolder::checkpoint_in(folder.path()) else { return Ok(None) };
    let mut checkpoint = Checkpoint::load(&path)?;
    let slots = slots(step);
    let accept = options.accept_changed_data;
    if checkpoint.state.network == state.network {
        let counts = checkpoint.state.data.is_none() && !accept;
        check_settings(state, &checkpoint.state, counts)?;
    }
    checkpoint.check(&step.model, slots.iter().map(|(name, spec)| (name.as_str(), &spec.shape[..])))?;
    check_computation(state, &checkpoint.state)?;
    check_validated(state, &checkpoint.state)?;
    let then = &mut checkpoint.state;
    let epoch = EpochShape { batches: train.batches() as u64, accumulate: options.accumulate };
    if let Some(error) = changed_data(state, then) {
        if !accept {
            return Err(error);
        }
        then.changed_data = true;
        // The epoch ends with the data that there are.
        then.batch = then.batch.min(epoch.batches);
        if differs(&state.validation, &then.validation) {
            // The best value of other samples is another quantity.
            (then.best, then.waiting) = (None, Waiting::default());
        }
    }
    let changed = differs(&state.data, &then.data) || differs(&state.validation, &then.validation);
    let held_out = held_out(state.held_out.as_ref(), then.held_out.as_ref(), changed.then_some(train));
    then.check_consistent(epoch).map_err(|source| CheckpointError::Inconsistent { path, source })?;
    let begun = then.epoch.saturating_add(u64::from(then.batch > 0));
    if begun > options.epochs {
        return Err(CheckpointError::Epochs { begun, epochs: options.epochs });
    }
    if !(folder.best().is_file() && folder.weights().is_file()) {
        // They are written again with the next validation.
        then.best = None;
    }
    let TrainingState { computation, data, validation, settings, .. } = state.clone();
    *then = TrainingState { computation, data, validation, held_out, settings, ..then.clone() };
    Ok(Some(checkpoint))
}

/// What is held out now and was before, without what changed data are trained on.
fn held_out(now: Option<&PictureSet>, then: Option<&PictureSet>, changed: Option<&Loader>) -> Option<PictureSet> {
    let all = then.map_or_else(|| now.cloned(), |then| Some(then.union(now?)))?;
    Some(match changed {
        Some(train) => all.without(&PictureSet::of(&**train.dataset())),
        None => all,
    })
}

/// Checks that the network's parameters are used as in the checkpoint's training. Older checkpoints do not tell.
fn check_computation(now: &TrainingState, then: &TrainingState) -> Result<(), CheckpointError> {
    let change = now.computation.as_ref().zip(then.computation.as_ref()).and_then(|(now, then)| now.change(then));
    match change {
        Some(change) => Err(CheckpointError::Computation { network: now.network.clone(), change }),
        None => Ok(()),
    }
}

/// Checks that the training is validated if it was, since otherwise the best value is one of another quantity. Older
/// checkpoints do not tell.
fn check_validated(now: &TrainingState, then: &TrainingState) -> Result<(), CheckpointError> {
    let text = |state: &TrainingState| match &state.validation {
        Some(data) => format!("made with {} pictures", data.samples),
        None => "not made".to_owned(),
    };
    if then.data.is_none() || now.validation.is_some() == then.validation.is_some() {
        return Ok(());
    }
    Err(CheckpointError::Other { what: "validation", needs: text(now), got: text(then) })
}

/// Whether data are others than they were. Contents that one of both does not know are no difference.
fn differs(now: &Option<DataIdentity>, then: &Option<DataIdentity>) -> bool {
    match (now, then) {
        (Some(now), Some(then)) => now.change(then, &[]).is_some(),
        (now, then) => now.is_some() != then.is_some(),
    }
}

/// How the data have changed, if they have. Older checkpoints do not tell.
fn changed_data(now: &TrainingState, then: &TrainingState) -> Option<CheckpointError> {
    let names = now.classes.as_deref().unwrap_or_default();
    let pairs = [("training data", &now.data, &then.data), ("validation data", &now.validation, &then.validation)];
    let changes = pairs.into_iter().filter_map(|(what, now, then)| {
        let change = now.as_ref()?.change(then.as_ref()?, names)?;
        Some((what, change))
    });
    changes
        .reduce(|(what, change), (other, more)| (what, format!("{change}; the {other}: {more}")))
        .map(|(what, change)| CheckpointError::Data { what, change })
}
