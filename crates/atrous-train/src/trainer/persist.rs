//! Files of a training: checkpoints, weights and the log, written while it runs and read when it is resumed.

use std::{collections::HashMap, path::Path};

use atrous_gpu::{LOSS_SCALE, LOSS_SCALE_COUNTS};
use atrous_graph::optim::LossScale;
use atrous_io::save_tensors;
use atrous_nn::ParameterSpec;

use super::{RunFolder, TrainError, TrainOptions, Trainer};
use crate::{
    checkpoint::{Checkpoint, CheckpointError, NamedTensor, ScaleState, TrainingState},
    curve::Curve,
    data::Loader,
    log::{LogWriter, Record},
    objective::Objective,
    step::TrainingStep,
};

/// The settings that the result of a training depends on, as text, without those that have fields of their own in a checkpoint.
pub(super) fn settings(
    objective: &dyn Objective,
    options: &TrainOptions,
    train: &Loader,
    scale: Option<LossScale>,
) -> String {
    let TrainOptions { optimizer, maximize, weight_decay, parts, frozen, clip_norm, accumulate, .. } = options;
    let data = train.options();
    // AMSGrad and maximization are left out if they are off, so that checkpoints of versions without them can be resumed.
    let optimizer = format!("{optimizer:?}").replace("amsgrad: false, ", "");
    let maximize = if *maximize { ", maximize" } else { "" };
    let scaling = scale.map_or_else(String::new, |scale| format!(", {:?}", scale.scaling));
    format!(
        "{}, optimizer {optimizer}{maximize}, weight_decay {weight_decay:?}, parts {parts:?}, \
         frozen {frozen:?}, clip_norm {clip_norm:?}, accumulate {accumulate}{scaling}; {} samples, {:?}, {:?}, {:?}, shuffle {}, \
         seed {}, drop_last {}, ignore {}",
        objective.describe(),
        train.dataset().len(),
        data.preprocess,
        data.framing,
        data.augment,
        data.shuffle,
        data.seed,
        data.drop_last,
        data.ignore_label,
    )
}

/// The last checkpoint in the run folder, if there is one. Checks that it belongs to this step, that its training had the settings of
/// `state`, and that it has not begun more than `epochs` epochs.
pub(super) fn last(
    folder: &RunFolder,
    step: &TrainingStep,
    state: &TrainingState,
    epochs: u64,
) -> Result<Option<Checkpoint>, CheckpointError> {
    let path = folder.last();
    if !path.exists() {
        return Ok(None);
    }
    let checkpoint = Checkpoint::load(path)?;
    let slots = slots(step);
    if checkpoint.state.network == state.network {
        check_settings(state, &checkpoint.state)?;
    }
    checkpoint.check(&step.model, slots.iter().map(|(name, spec)| (name.as_str(), &spec.shape[..])))?;
    let begun = checkpoint.state.epoch + u64::from(checkpoint.state.batch > 0);
    if begun > epochs {
        let (needs, got) = (format!("at most {epochs}"), begun.to_string());
        return Err(CheckpointError::Other { what: "number of epochs begun", needs, got });
    }
    Ok(Some(checkpoint))
}

/// Checks that a training is resumed with the settings that it began with.
fn check_settings(now: &TrainingState, then: &TrainingState) -> Result<(), CheckpointError> {
    let list = |all: &Option<Vec<String>>| match all.as_deref().unwrap_or_default() {
        [] => "empty".to_owned(),
        all => all.join(", "),
    };
    // Lists that a checkpoint does not have are taken to be unchanged.
    let told = |then: &Option<Vec<String>>, now| list(if then.is_some() { then } else { now });
    let quoted =
        |names: &Option<Vec<String>>| names.as_ref().map(|all| all.iter().map(|name| format!("{name:?}")).collect());
    let (classes_now, classes_then) = (quoted(&now.classes), quoted(&then.classes));
    let watch = |state: &TrainingState| state.watch.clone().or_else(|| now.watch.clone()).unwrap_or_default();
    let (settings_now, settings_then) = differences(&now.settings, &then.settings);
    let precision = |state: &TrainingState| if state.loss_scale.is_some() { "f16" } else { "f32" };
    let pairs = [
        ("precision", precision(now).to_owned(), precision(then).to_owned()),
        ("list of targets", list(&now.targets), told(&then.targets, &now.targets)),
        ("list of classes", list(&classes_now), told(&classes_then, &classes_now)),
        ("seed", now.seed.to_string(), then.seed.to_string()),
        ("list of settings", settings_now, settings_then),
        ("learning rate", now.lr.to_string(), then.lr.to_string()),
        ("schedule", format!("{:?}", now.schedule), format!("{:?}", then.schedule)),
        ("watched quantity", watch(now), watch(then)),
    ];
    match pairs.into_iter().find(|(_, now, then)| now != then) {
        Some((what, needs, got)) => Err(CheckpointError::Other { what, needs, got }),
        None => Ok(()),
    }
}

/// The differences of two lists of settings: the items of each that the other lacks. If these are the same, as for lists in different
/// order, returns the whole lists.
fn differences(now: &str, then: &str) -> (String, String) {
    let (items_now, items_then) = (items(now), items(then));
    let alone = |these: &[&str], others: &[&str]| {
        these.iter().filter(|item| !others.contains(item)).copied().collect::<Vec<_>>().join(", ")
    };
    let (only_now, only_then) = (alone(&items_now, &items_then), alone(&items_then, &items_now));
    if only_now == only_then {
        return (now.to_owned(), then.to_owned());
    }
    let text = |own: &str, other: &str| match own {
        "" => format!("one without `{other}`"),
        own => format!("one with `{own}`"),
    };
    (text(&only_now, &only_then), text(&only_then, &only_now))
}

/// The parts of a text between commas and semicolons outside of brackets.
fn items(text: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let separates = move |c: char| {
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        depth == 0 && matches!(c, ',' | ';')
    };
    text.split(separates).map(str::trim).collect()
}

/// The names `SLOT/NAME` of the optimizer's tensors, with the parameter that each belongs to.
fn slots(step: &TrainingStep) -> Vec<(String, ParameterSpec)> {
    let trained: Vec<_> = step.training.gradients.iter().map(|(parameter, _)| *parameter).collect();
    let specs = || step.model.parameters.iter().filter(|p| trained.contains(&p.node));
    let slots = step.training.optimizer.state().iter();
    slots.flat_map(|slot| specs().map(move |p| (format!("{slot}/{}", p.name), p.clone()))).collect()
}

impl Trainer {
    /// Restores the state from a checkpoint that [`last`] has checked, if there is one, and opens the log.
    pub(super) fn take_up(&mut self, checkpoint: Option<Checkpoint>) -> Result<(), TrainError> {
        let Some(log) = self.folder.as_ref().map(RunFolder::log) else { return Ok(()) };
        let Some(checkpoint) = checkpoint else {
            self.log = Some(LogWriter::create(log)?);
            return Ok(());
        };
        self.restore(checkpoint)?;
        let (log, records) = LogWriter::resume(log, self.state.step, self.state.epoch)?;
        self.log = Some(log);
        self.curve = Curve::default();
        records.iter().for_each(|record| self.curve.add(record));
        Ok(())
    }

    /// Sets parameters, optimizer and state to those of a checkpoint.
    fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let slots = slots(&self.step);
        let given: HashMap<&str, &NamedTensor> = checkpoint.parameters.iter().map(|t| (t.name.as_str(), t)).collect();
        for spec in &self.step.model.parameters {
            let values = self.to_graph_order(spec, &given[spec.name.as_str()].values)?;
            self.session.parameters().write(&spec.name, &values)?;
        }
        let given: HashMap<&str, &NamedTensor> = checkpoint.optimizer.iter().map(|t| (t.name.as_str(), t)).collect();
        let slot = |(name, spec): &(String, ParameterSpec)| {
            Ok((name.clone(), self.to_graph_order(spec, &given[name.as_str()].values)?))
        };
        let mut state: HashMap<String, Vec<f32>> = slots.iter().map(slot).collect::<Result<_, TrainError>>()?;
        if let Some(ScaleState { scale, applied, skipped }) = checkpoint.state.loss_scale {
            state.insert(LOSS_SCALE.to_owned(), vec![scale]);
            state.insert(LOSS_SCALE_COUNTS.to_owned(), vec![applied as f32, skipped as f32]);
        }
        self.session.upload_state(&state)?;
        self.state = checkpoint.state;
        Ok(())
    }

    /// A checkpoint of the training.
    ///
    /// # Errors
    /// [`TrainError::Gpu`].
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let parameters = self.session.parameters().download_blocking()?;
        let parameter = |spec: &ParameterSpec| self.named(&spec.name, spec, &parameters[&spec.name]);
        let state = self.session.download_state_blocking()?;
        let slot = |(name, spec): &(String, ParameterSpec)| self.named(name, spec, &state[name]);
        let scale = state.get(LOSS_SCALE).zip(state.get(LOSS_SCALE_COUNTS)).map(|(scale, counts)| ScaleState {
            scale: scale[0],
            applied: counts[0] as u32,
            skipped: counts[1] as u32,
        });
        Ok(Checkpoint {
            state: TrainingState { loss_scale: scale, ..self.state.clone() },
            parameters: self.step.model.parameters.iter().map(parameter).collect::<Result<_, _>>()?,
            optimizer: slots(&self.step).iter().map(slot).collect::<Result<_, _>>()?,
        })
    }

    /// Writes the parameters as a weights file with the framework's names, shapes and order. The file is replaced atomically.
    ///
    /// # Errors
    /// [`TrainError::Gpu`], [`TrainError::Save`].
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        let parameters = self.session.parameters().download_blocking()?;
        let named = |spec: &ParameterSpec| self.named(&spec.name, spec, &parameters[&spec.name]);
        let tensors = self.step.model.parameters.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        Ok(save_weights(path.as_ref(), &tensors)?)
    }

    /// Writes the checkpoint that a training is resumed from.
    pub(super) fn save_last(&self) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        Ok(self.checkpoint()?.save(folder.last())?)
    }

    /// Writes the files of an epoch's end. The last checkpoint is written last: if the process is killed before, the training is resumed
    /// from the previous checkpoint and writes the other files again.
    pub(super) fn save_epoch(&self, better: bool) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let checkpoint = self.checkpoint()?;
        if better {
            checkpoint.save(folder.best())?;
            save_weights(&folder.weights(), &checkpoint.parameters)?;
        }
        #[cfg(feature = "plot")]
        self.curve.write(folder.curve())?;
        Ok(checkpoint.save(folder.last())?)
    }

    /// Adds a record to the curve, and to the log if there is one.
    pub(super) fn record(&mut self, record: &Record) -> Result<(), TrainError> {
        self.curve.add(record);
        match &mut self.log {
            Some(log) => Ok(log.write(record)?),
            None => Ok(()),
        }
    }

    fn to_graph_order(&self, spec: &ParameterSpec, stored: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(spec.to_graph_order(self.step.model.graph.shape(spec.node), stored).map_err(atrous_gpu::GpuError::from)?)
    }

    fn named(&self, name: &str, spec: &ParameterSpec, values: &[f32]) -> Result<NamedTensor, TrainError> {
        let values = spec.to_stored_order(self.step.model.graph.shape(spec.node), values);
        let values = values.map_err(atrous_gpu::GpuError::from)?;
        Ok(NamedTensor { name: name.to_owned(), shape: spec.shape.clone(), values })
    }
}

fn save_weights(path: &Path, tensors: &[NamedTensor]) -> Result<(), atrous_io::SaveError> {
    let tensors: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.clone(), t.values.clone())).collect();
    save_tensors(path, &tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_differ_are_named_alone() {
        let then =
            "loss Mix { parts: [(1, Dice)], a: 2 }, optimizer Sgd { momentum: 0.9 }, accumulate 1; 15 samples, seed 0";
        assert_eq!(differences(then, then).0, differences(then, then).1);
        let now = then.replace("15", "20").replace("0.9", "0.8");
        let texts = [
            "one with `optimizer Sgd { momentum: 0.8 }, 20 samples`",
            "one with `optimizer Sgd { momentum: 0.9 }, 15 samples`",
        ];
        assert_eq!(differences(&now, then), texts.map(str::to_owned).into());
        for now in
            [then.replace("accumulate 1; ", ", accumulate 1; "), format!("{then}, seed 0"), then.replace("; ", ", ")]
        {
            assert_ne!(differences(&now, then).0, differences(&now, then).1, "{now}");
        }
        let now = then.replace("accumulate 1", "maximize, accumulate 1");
        assert_eq!(
            differences(&now, then),
            ["one with `maximize`", "one without `maximize`"].map(str::to_owned).into()
        );
    }
}
