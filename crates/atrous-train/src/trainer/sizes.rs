//! Steps on batches that are not full: the last one of an epoch, and those of which samples were skipped.

use std::sync::Arc;

use atrous_gpu::{GpuError, StepOptions, StepResult, TrainingSession};
use atrous_graph::{Shape, passes::Precision};
use atrous_nn::Network;

use super::{
    TrainError, TrainOptions, Trainer,
    graph::{DataShape, Recipe},
};
use crate::{data::Batch, objective::Objective, step::TrainingStep};

/// Most sizes other than that of full batches that are kept ready.
const KEPT: usize = 2;

/// The steps of a training by their batch sizes. All train the same parameters.
pub(super) struct Sizes {
    network: Arc<dyn Network>,
    objective: Box<dyn Objective>,
    /// Those of other sizes than full batches, the one used last at the end.
    others: Vec<(TrainingStep, TrainingSession)>,
    /// Size of the batch whose result was not taken yet, if it was not full.
    pending: Option<usize>,
}

impl Sizes {
    pub(super) fn new(network: Arc<dyn Network>, objective: Box<dyn Objective>) -> Self {
        Self { network, objective, others: Vec::new(), pending: None }
    }
}

/// The step on batches of `n` samples of these data.
pub(super) fn step_of(
    n: usize,
    recipe: Recipe<'_>,
    full: &DataShape,
    options: &TrainOptions,
    precision: Precision,
) -> Result<TrainingStep, TrainError> {
    let data = DataShape { images: Shape { n, ..full.images }, ..full.clone() };
    let fail = |source| TrainError::BatchSize { n, full: full.images.n, source: Box::new(source) };
    recipe.step(&data, options, precision).map_err(fail)
}

impl Trainer {
    /// Submits a step on a batch of any size, and returns the result of the step before it, if that was not taken.
    pub(super) fn submit(
        &mut self,
        batch: &Batch,
        seed: u32,
        options: StepOptions,
    ) -> Result<Option<StepResult>, TrainError> {
        let n = batch.shape[0];
        let other = (n != self.step.model.input_shape().n).then_some(n);
        // Each session knows its own steps only.
        let before = if self.sizes.pending == other { None } else { self.finish()? };
        if let Some(n) = other {
            self.prepare(n)?;
        }
        let (seed, weights) = ([seed], batch.sample_weights());
        let (step, session) = match other.and(self.sizes.others.last_mut()) {
            Some((step, session)) => (&*step, session),
            None => (&self.step, &mut self.session),
        };
        let earlier = session.step_blocking(&step.batch_inputs(batch, &seed, &weights), options)?;
        self.sizes.pending = other;
        Ok(before.or(earlier))
    }

    /// The result of the last step, if it was not taken.
    pub(super) fn finish(&mut self) -> Result<Option<StepResult>, GpuError> {
        match self.sizes.pending.take().and(self.sizes.others.last_mut()) {
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
