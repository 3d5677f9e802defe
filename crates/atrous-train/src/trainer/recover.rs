//! Goes on after the device was lost, or lacked memory.

use std::{sync::Arc, time::Instant};

use atrous_gpu::{GpuError, Parameters};
use atrous_graph::{ParameterSource, SourceError, TensorType};

use super::{RunFolder, TrainError, Trainer, evaluate::Evaluator, placed::lacks_memory, safety::LOSSES, way::Way};
use crate::{
    checkpoint::{Adapted, Checkpoint},
    log::RecoveryRecord,
};

/// What helps against an error.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// The same on a new device.
    Reopen,
    /// A new device, and a way that needs less memory.
    Adapt(Way),
    /// A new device, and a validation of at most so many pictures at once.
    Validate(usize),
}

/// Parameters that are written later.
struct Zeros;

impl ParameterSource for Zeros {
    fn write(&self, _: &str, _: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        device.fill(0.0);
        Ok(())
    }
}

impl Trainer {
    /// Keeps a state on the host, if the options want snapshots.
    pub(super) fn keep(&mut self, checkpoint: Checkpoint) {
        if self.options.snapshot_every.is_some() {
            self.safety.kept = Some(checkpoint);
        }
    }

    /// Keeps the current state on the host.
    pub(super) fn take_snapshot(&mut self) -> Result<(), TrainError> {
        let checkpoint = self.checkpoint()?;
        self.keep(checkpoint);
        Ok(())
    }

    /// How the training was [adapted](super::OnOom::Adapt) to the device's memory, if it was.
    pub fn adapted(&self) -> Option<Adapted> {
        let Way { batch, recompute } = &self.way;
        let changed = self.way != self.setup.asked(&self.options);
        changed.then(|| Adapted { batch: *batch, recompute: recompute.to_string() })
    }

    /// Makes the training ready to go on after an error of the device.
    ///
    /// # Errors
    /// The same error if it cannot, with what would fit if memory is lacking; another one if that prevents it.
    pub(super) fn recover(&mut self, error: TrainError) -> Result<(), TrainError> {
        let begun = Instant::now();
        let validating = std::mem::take(&mut self.safety.validating);
        let remedy = match &error {
            TrainError::Gpu(GpuError::DeviceLost(_)) => Some(Remedy::Reopen),
            TrainError::Gpu(gpu) if lacks_memory(gpu) => match self.less_after(gpu, validating) {
                Some(less) => Some(less),
                None => return Err(self.explained(error, validating)),
            },
            _ => None,
        };
        // What needs less each time comes to an end by itself.
        let hopeless = remedy == Some(Remedy::Reopen) && self.safety.is_hopeless();
        let Some(remedy) = remedy.filter(|_| !hopeless) else { return Err(error) };
        let Some(state) = self.last_state(&error) else { return Err(error) };
        let (step, way) = (self.safety.steps, self.way.clone());
        let mut left = LOSSES;
        loop {
            match self.move_to_new_device(&remedy, &state) {
                // The new device may be lost, too.
                Err(TrainError::Gpu(GpuError::DeviceLost(_))) if left > 0 => left -= 1,
                Ok(()) => break,
                Err(recovery) => {
                    return Err(TrainError::NotRecovered { error: Box::new(error), recovery: Box::new(recovery) });
                }
            }
        }
        let step_adapted = self.adapted().filter(|_| self.way != way).map(|adapted| adapted.to_string());
        let validation_adapted = match remedy {
            Remedy::Validate(n) => Some(format!("a validation of {n} pictures at once")),
            Remedy::Reopen | Remedy::Adapt(_) => None,
        };
        let adapted = [step_adapted, validation_adapted].into_iter().flatten().reduce(|a, b| format!("{a}, {b}"));
        let seconds = begun.elapsed().as_secs_f64();
        let (reason, resumed) = (error.to_string(), self.state.step);
        self.safety.news.push(RecoveryRecord { step, resumed, reason, adapted, seconds });
        Ok(())
    }

    /// What needs less memory, if the options want that and there is something. A validation is made smaller first, which changes no
    /// update.
    fn less_after(&self, error: &GpuError, validating: bool) -> Option<Remedy> {
        if !self.options.on_oom.adapts() {
            return None;
        }
        let pictures = self.placed.evaluator.as_ref().map_or(1, Evaluator::pictures);
        if validating && pictures > 1 {
            return Some(Remedy::Validate(pictures.div_ceil(2)));
        }
        self.setup.smaller(&self.way, error, self.placed.device(), &self.options).map(Remedy::Adapt)
    }

    /// The error of an update or of a validation, with what would fit if memory is lacking.
    fn explained(&self, error: TrainError, validating: bool) -> TrainError {
        match error {
            TrainError::Gpu(error) if validating => self.setup.advise_validation(error, self.placed.device()),
            TrainError::Gpu(error) => self.setup.advise(error, self.placed.device(), &self.options),
            error => error,
        }
    }

    /// The last state that can be had after an error: that of the last update from the device, where what an update under way
    /// did is undone, else one that is out of its reach, on the host or in the run folder.
    fn last_state(&mut self, error: &TrainError) -> Option<Checkpoint> {
        if error.leaves_good_parameters()
            && let Ok(state) = self.checkpoint()
        {
            self.keep(state.clone());
            return Some(state);
        }
        let saved = || self.folder.as_ref().map(RunFolder::last).filter(|path| path.exists());
        self.safety.kept.clone().or_else(|| Checkpoint::load(saved()?).ok())
    }

    /// Replaces all that is on the device.
    fn move_to_new_device(&mut self, remedy: &Remedy, state: &Checkpoint) -> Result<(), TrainError> {
        let old = self.placed.device().clone();
        let device = old.reopen_blocking()?;
        // Frees the memory of what is replaced.
        old.destroy();
        let mut way = self.way.clone();
        match remedy {
            Remedy::Reopen => {}
            Remedy::Adapt(less) => way = less.clone(),
            Remedy::Validate(n) => self.setup.validated = *n,
        }
        let parameters = Arc::new(Parameters::upload(&device, &self.placed.step.model.graph, &Zeros)?);
        (self.placed, self.way) = self.setup.place_fitting(way, &self.options, &parameters)?;
        if let Some(rest) = self.rest() {
            self.prepare(rest)?;
        }
        self.restore(state)
    }

    /// Samples of the last part of an epoch, if it is smaller than others.
    pub(super) fn rest(&self) -> Option<usize> {
        let rest = self.train.rest()? % self.way.batch;
        Some(rest).filter(|rest| *rest > 0)
    }
}
