//! Files of a training: checkpoints, weights and the log, written while it runs and read when it is resumed.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use atrous_gpu::{LOSS_SCALE, LOSS_SCALE_COUNTS};
use atrous_io::{check_values, save_tensors};
use atrous_nn::{ParameterKind, ParameterSpec};

use super::{RunFolder, TrainError, Trainer};
use crate::{
    checkpoint::{Checkpoint, NamedTensor, ScaleState, TrainingState},
    curve::Curve,
    log::{LogWriter, Record},
    step::TrainingStep,
};

/// The names `SLOT/NAME` of the optimizer's tensors, with the parameter that each belongs to.
pub(super) fn slots(step: &TrainingStep) -> Vec<(String, ParameterSpec)> {
    let trained: Vec<_> = step.training.gradients.iter().map(|(parameter, _)| *parameter).collect();
    let specs = || step.model.parameters.iter().filter(|p| trained.contains(&p.node));
    let slots = step.training.optimizer.state().iter();
    slots.flat_map(|slot| specs().map(move |p| (format!("{slot}/{}", p.name), p.clone()))).collect()
}

/// Bytes of a checkpoint and of a weights file, headers roughly.
pub(super) fn file_sizes(step: &TrainingStep) -> (u64, u64) {
    const HEADER: u64 = 128;
    let bytes = |spec: &ParameterSpec| 4 * spec.len() as u64 + HEADER;
    let weights = step.model.parameters.iter().map(bytes).sum();
    let optimizer: u64 = slots(step).iter().map(|(_, spec)| bytes(spec)).sum();
    (weights + optimizer, weights)
}

impl Trainer {
    /// Restores the state from a checkpoint that was checked, if there is one, and opens the log.
    pub(super) fn take_up(&mut self, checkpoint: Option<Checkpoint>) -> Result<(), TrainError> {
        let Some(log) = self.folder.as_ref().map(RunFolder::log) else { return Ok(()) };
        let Some(checkpoint) = checkpoint else {
            self.log = Some(LogWriter::create(log)?);
            return Ok(());
        };
        self.restore(&checkpoint)?;
        self.safety.told(&self.state);
        if self.options.snapshot_every.is_some() {
            self.safety.kept = Some(checkpoint);
        }
        let (log, records) = LogWriter::resume(log, self.state.step, self.state.epoch)?;
        self.log = Some(log);
        self.curve = Curve::default();
        records.iter().for_each(|record| self.curve.add(record));
        Ok(())
    }

    /// Sets parameters, optimizer and state to those of a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let slots = slots(&self.placed.step);
        let given: HashMap<&str, &NamedTensor> = checkpoint.parameters.iter().map(|t| (t.name.as_str(), t)).collect();
        for spec in &self.placed.step.model.parameters {
            let values = self.to_graph_order(spec, &given[spec.name.as_str()].values)?;
            self.placed.session.parameters().write(&spec.name, &values)?;
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
        self.placed.session.upload_state(&state)?;
        self.state = checkpoint.state.clone();
        Ok(())
    }

    /// A checkpoint of the training. It takes as many bytes of host memory as parameters and optimizer's state take on
    /// the device, and twice those of the state while it is made.
    ///
    /// # Errors
    /// [`TrainError::Gpu`].
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let parameters = self.named_parameters()?;
        let state = self.placed.session.download_state_blocking()?;
        let slot = |(name, spec): &(String, ParameterSpec)| self.named(name, spec, &state[name]);
        let scale = state.get(LOSS_SCALE).zip(state.get(LOSS_SCALE_COUNTS)).map(|(scale, counts)| ScaleState {
            scale: scale[0],
            applied: counts[0] as u32,
            skipped: counts[1] as u32,
        });
        Ok(Checkpoint {
            state: TrainingState { loss_scale: scale, adapted: self.adapted(), ..self.state.clone() },
            parameters,
            optimizer: slots(&self.placed.step).iter().map(slot).collect::<Result<_, _>>()?,
        })
    }

    /// [`Trainer::checkpoint`] to be saved: not one of a training that has diverged.
    fn good_checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let checkpoint = self.checkpoint()?;
        self.check_parameters(&checkpoint.parameters)?;
        Ok(checkpoint)
    }

    /// Checks that what updates have made of the parameters are values that a network computes with.
    fn check_parameters(&self, parameters: &[NamedTensor]) -> Result<(), TrainError> {
        let step = &self.placed.step;
        let trained: HashSet<_> = step.training.gradients.iter().map(|(parameter, _)| *parameter).collect();
        let running = |kind| matches!(kind, ParameterKind::RunningMean | ParameterKind::RunningVar);
        // Parameters are in the order of the model's.
        let pairs = step.model.parameters.iter().zip(parameters);
        let mut updated = pairs.filter(|(spec, _)| trained.contains(&spec.node) || running(spec.kind));
        updated
            .try_for_each(|(spec, tensor)| check_values(spec, &tensor.values))
            .map_err(|bad| TrainError::Diverged { step: self.state.step, bad: Box::new(bad) })
    }

    /// Checks the parameters at the end of a training without a run folder; otherwise they are checked before they are saved.
    pub(super) fn check_unsaved(&self) -> Result<(), TrainError> {
        match self.folder {
            Some(_) => Ok(()),
            None => self.check_parameters(&self.named_parameters()?),
        }
    }

    /// Writes the parameters as a weights file with the framework's names, shapes and order. The file is replaced atomically.
    ///
    /// # Errors
    /// [`TrainError::Gpu`], [`TrainError::Save`].
    pub fn save_weights(&self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        Ok(save_weights(path.as_ref(), &self.named_parameters()?)?)
    }

    fn named_parameters(&self) -> Result<Vec<NamedTensor>, TrainError> {
        let mut values = self.placed.session.parameters().download_blocking()?;
        let named = |spec: &ParameterSpec| self.named(&spec.name, spec, &values.remove(&spec.name).unwrap_or_default());
        self.placed.step.model.parameters.iter().map(named).collect()
    }

    /// Writes the checkpoint that a training is resumed from.
    pub(super) fn save_last(&mut self) -> Result<(), TrainError> {
        let Some(path) = self.folder.as_ref().map(RunFolder::last) else { return Ok(()) };
        let checkpoint = self.good_checkpoint()?;
        checkpoint.save(path)?;
        self.keep(checkpoint);
        Ok(())
    }

    /// Writes the files of an epoch's end. The last checkpoint is written last: if the process is killed before, the training is resumed
    /// from the previous checkpoint and writes the other files again.
    pub(super) fn save_epoch(&mut self, better: bool) -> Result<(), TrainError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let checkpoint = self.good_checkpoint()?;
        if better {
            checkpoint.save(folder.best())?;
            save_weights(&folder.weights(), &checkpoint.parameters)?;
        }
        #[cfg(feature = "plot")]
        self.curve.write(folder.curve())?;
        checkpoint.save(folder.last())?;
        self.keep(checkpoint);
        Ok(())
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
        Ok(spec
            .to_graph_order(self.placed.step.model.graph.shape(spec.node), stored)
            .map_err(atrous_gpu::GpuError::from)?)
    }

    fn named(&self, name: &str, spec: &ParameterSpec, values: &[f32]) -> Result<NamedTensor, TrainError> {
        let values = spec.to_stored_order(self.placed.step.model.graph.shape(spec.node), values);
        let values = values.map_err(atrous_gpu::GpuError::from)?;
        Ok(NamedTensor { name: name.to_owned(), shape: spec.shape.clone(), values })
    }
}

fn save_weights(path: &Path, tensors: &[NamedTensor]) -> Result<(), atrous_io::SaveError> {
    let tensors: Vec<_> = tensors.iter().map(|t| (t.name.clone(), t.shape.clone(), t.values.clone())).collect();
    save_tensors(path, &tensors)
}
