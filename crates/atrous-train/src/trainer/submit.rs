//! Submits steps on batches of any size.

use atrous_gpu::{GpuError, StepOptions, StepResult};

use super::{
    TrainError, Trainer,
    graph::{DataShape, Recipe},
    sizes::{KEPT, step_of},
};
use crate::{data::Batch, step::TrainingStep};

impl Trainer {
    /// Makes the step on batches of `n` samples ready. If the step before was one of another size, returns its result, which the caller
    /// must take into account before anything else can fail: its update is done.
    pub(super) fn ready_for(&mut self, n: usize) -> Result<Option<StepResult>, TrainError> {
        let other = self.other_size(n);
        if let Some(n) = other {
            self.prepare(n)?;
        }
        // Each session knows its own steps only.
        if self.sizes.pending == other { Ok(None) } else { Ok(self.finish()?) }
    }

    /// The size of a batch that is not full.
    fn other_size(&self, n: usize) -> Option<usize> {
        (n != self.step.model.input_shape().n).then_some(n)
    }

    /// Submits a step on a batch that [`Self::ready_for`] has made ready for, and returns the result of the step before it, if that was one
    /// of this size and not taken.
    pub(super) fn submit(
        &mut self,
        batch: &Batch,
        seed: u32,
        options: StepOptions,
    ) -> Result<Option<StepResult>, TrainError> {
        let other = self.other_size(batch.shape[0]);
        let (seed, weights) = ([seed], batch.sample_weights());
        let (step, session) = match other.and(self.sizes.others.last_mut()) {
            Some((step, session)) => (&*step, session),
            None => (&self.step, &mut self.session),
        };
        let before = session.step_blocking(&step.batch_inputs(batch, &seed, &weights), options)?;
        self.sizes.pending = other;
        Ok(before)
    }

    /// The result of the last step, if it was not taken.
    pub(super) fn finish(&mut self) -> Result<Option<StepResult>, GpuError> {
        let Some(n) = self.sizes.pending.take() else { return self.session.finish_blocking() };
        match self.sizes.others.iter_mut().find(|(step, _)| step.model.input_shape().n == n) {
            Some((_, session)) => session.finish_blocking(),
            None => self.session.finish_blocking(),
        }
    }

    /// The step on batches of this size, if it is ready.
    pub(super) fn step_of(&self, n: usize) -> Option<&TrainingStep> {
        let all = self.sizes.others.iter().map(|(step, _)| step).chain([&self.step]);
        all.into_iter().find(|step| step.model.input_shape().n == n)
    }

    /// Makes the step on batches of this size ready, which is not that of full ones, and puts it at the end of the list.
    pub(super) fn prepare(&mut self, n: usize) -> Result<(), TrainError> {
        let others = &mut self.sizes.others;
        if let Some(at) = others.iter().position(|(step, _)| step.model.input_shape().n == n) {
            others[at..].rotate_left(1);
            return Ok(());
        }
        let recipe =
            Recipe { network: &*self.sizes.network, name: &self.state.network, objective: &*self.sizes.objective };
        let precision = self.session.device().options().precision;
        let step = step_of(n, recipe, &DataShape::of(&self.train), &self.options, precision)?;
        let session = self.session.of_other_size(&step.model.graph, &step.training)?;
        if others.len() == KEPT {
            others.remove(0);
        }
        others.push((step, session));
        Ok(())
    }
}
