//! Submits steps on any number of samples.

use atrous_gpu::{GpuError, StepOptions, StepResult};

use super::{TrainError, Trainer, placed::Placed};
use crate::{data::Batch, step::TrainingStep};

/// Most steps on other numbers of samples that are kept ready.
const KEPT: usize = 2;

impl Trainer {
    /// Makes the step on `n` samples ready. If the step before was one of another size, returns its result, which the caller
    /// must take into account before anything else can fail: its update is done.
    pub(super) fn ready_for(&mut self, n: usize) -> Result<Option<StepResult>, TrainError> {
        let other = self.placed.other_size(n);
        if let Some(n) = other {
            self.prepare(n)?;
        }
        // Each session knows its own steps only.
        if self.placed.pending == other { Ok(None) } else { Ok(self.placed.finish()?) }
    }

    /// Makes the step on `n` samples ready, which is not the one used most, and puts it at the end of the list.
    pub(super) fn prepare(&mut self, n: usize) -> Result<(), TrainError> {
        let others = &mut self.placed.others;
        if let Some(at) = others.iter().position(|(step, _)| step.model.input_shape().n == n) {
            others[at..].rotate_left(1);
            return Ok(());
        }
        let session = &self.placed.session;
        let step = self.setup.step(n, &self.way, &self.options, session.device().options().precision)?;
        let session = session.of_other_size(&step.model.graph, &step.training)?;
        if others.len() == KEPT {
            others.remove(0);
        }
        others.push((step, session));
        Ok(())
    }
}

impl Placed {
    /// The number of samples, if it is not that of the step used most.
    fn other_size(&self, n: usize) -> Option<usize> {
        (n != self.step.model.input_shape().n).then_some(n)
    }

    /// Submits a step on a batch that [`Trainer::ready_for`] has made ready for, and returns the result of the step before it, if that was
    /// one of this size and not taken.
    pub(super) fn submit(
        &mut self,
        batch: &Batch,
        seed: u32,
        options: StepOptions,
    ) -> Result<Option<StepResult>, TrainError> {
        let other = self.other_size(batch.shape[0]);
        let (seed, weights) = ([seed], batch.sample_weights());
        let (step, session) = match other.and(self.others.last_mut()) {
            Some((step, session)) => (&*step, session),
            None => (&self.step, &mut self.session),
        };
        let before = session.step_blocking(&step.batch_inputs(batch, &seed, &weights), options)?;
        self.pending = other;
        Ok(before)
    }

    /// The result of the last step, if it was not taken.
    pub(super) fn finish(&mut self) -> Result<Option<StepResult>, GpuError> {
        let Some(n) = self.pending.take() else { return self.session.finish_blocking() };
        match self.others.iter_mut().find(|(step, _)| step.model.input_shape().n == n) {
            Some((_, session)) => session.finish_blocking(),
            None => self.session.finish_blocking(),
        }
    }

    /// The step on this many samples, if it is ready.
    pub(super) fn step_of(&self, n: usize) -> Option<&TrainingStep> {
        let all = self.others.iter().map(|(step, _)| step).chain([&self.step]);
        all.into_iter().find(|step| step.model.input_shape().n == n)
    }
}
