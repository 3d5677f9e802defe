//! The loop over epochs and batches.

use std::{ops::ControlFlow, time::Instant};

use atrous_gpu::{StepOptions, StepResult};

use super::{
    Figures, TrainError, Trainer, Watch,
    flight::{Flight, Landed, Run},
};
use crate::{
    Progress,
    log::{EpochRecord, Record, StepRecord},
    step::dropout_seed,
};

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub reason: Reason,
    /// Number of epochs done, those before a resumption included.
    pub epochs: u64,
    /// Number of updates done, those before a resumption included.
    pub steps: u64,
    /// Best value of the watched metric.
    pub best: Option<f64>,
    /// The last epoch of this call.
    pub last: Option<EpochRecord>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All epochs are done.
    Finished,
    /// Early stopping ended it: the watched metric did not improve for too long.
    Stopped,
    /// The `watch` of [`Trainer::fit_with`] ended it. It can be resumed.
    Interrupted,
}

impl Trainer {
    /// Trains to the end.
    ///
    /// # Errors
    /// [`TrainError`]. If loss or gradient become infinite or NaN it is [`TrainError::NotFinite`]; the checkpoints are those of
    /// before. Where the loss is scaled, a gradient that is too large is no error but a step that is skipped, until it is
    /// [`TrainError::LossScale`]. After an error the parameters may be an update further than the state; the last checkpoint is consistent.
    pub fn fit(&mut self) -> Result<Outcome, TrainError> {
        self.fit_with(|_| ControlFlow::Continue(()))
    }

    /// Trains to the end, or until `watch` breaks it off. `watch` sees every record of the log as soon as it is known, which is
    /// when the next step is under way. A training that is broken off ends after the update under way with a checkpoint.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_with(&mut self, mut watch: impl FnMut(&Record) -> ControlFlow<()>) -> Result<Outcome, TrainError> {
        // What a call that failed has left.
        self.session.finish_blocking()?;
        let progress = self.progress();
        let mut last = None;
        let reason = loop {
            if self.state.epoch >= self.options.epochs {
                break Reason::Finished;
            }
            if self.options.early_stopping.is_some_and(|rule| self.state.waiting.waited >= rule.patience) {
                break Reason::Stopped;
            }
            let begun = Instant::now();
            if self.train_epoch(&progress, &mut watch)?.is_break() {
                break Reason::Interrupted;
            }
            let record = self.end_epoch(begun)?;
            progress.epoch(&record);
            let go_on = watch(&Record::Epoch(record.clone()));
            last = Some(record);
            if go_on.is_break() {
                break Reason::Interrupted;
            }
        };
        Ok(Outcome { reason, epochs: self.state.epoch, steps: self.state.step, best: self.state.best, last })
    }

    fn progress(&self) -> Progress {
        let steps = (self.train.batches() as u64).div_ceil(self.options.accumulate);
        let images = self.train.options().batch as u64 * self.options.accumulate;
        Progress::new(self.options.show, self.options.epochs, steps * self.options.epochs, self.state.step, images)
    }

    /// Trains from where the state stands to the end of its epoch; breaks off with a checkpoint if `watch` does.
    fn train_epoch(
        &mut self,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let mut batches = self.train.epoch(self.state.epoch, self.state.batch as usize).peekable();
        let mut flight = Flight::new(self.state.step);
        let mut window = 1;
        let mut go_on = ControlFlow::Continue(());
        while let Some(batch) = batches.next() {
            let batch = batch?;
            if flight.filled == 0 {
                if go_on.is_break() || self.checkpoint_is_due(&flight) {
                    let end = self.drain(&mut flight, progress, watch)?;
                    self.save_last()?;
                    if go_on.is_break() || end.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                let left = self.train.batches().saturating_sub(batch.index).max(1);
                window = self.options.accumulate.min(left as u64);
            }
            // Batches may be missing at the end of an epoch, where broken samples are skipped.
            let last = self.options.accumulate > 1 && batches.peek().is_none();
            let step = StepOptions {
                lr: self.options.schedule.rate(self.options.lr, flight.updates),
                step: flight.updates + 1,
                update: flight.filled + 1 == window || last,
                scale: 1.0 / window as f64,
            };
            let seed = dropout_seed(self.options.seed, step.step, flight.filled);
            let (seeds, weights) = ([seed], batch.sample_weights());
            let given = self.step.batch_inputs(&batch, &seeds, &weights);
            let before = self.session.step_blocking(&given, step)?;
            flight.submitted(Run { batch, seed, lr: step.lr, update: step.update });
            if let Some(result) = before {
                go_on = self.land(&mut flight, &result, progress, watch)?;
            }
        }
        let end = self.drain(&mut flight, progress, watch)?;
        if go_on.is_break() || end.is_break() {
            self.save_last()?;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether a checkpoint is to be written between two updates.
    fn checkpoint_is_due(&self, flight: &Flight) -> bool {
        // An update is in the air, if this call has made any.
        let made = flight.updates > self.state.step;
        made && self.options.checkpoint_every.is_some_and(|n| flight.updates.is_multiple_of(n))
    }

    /// Waits for the result that is not there.
    fn drain(
        &mut self,
        flight: &mut Flight,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        match self.session.finish_blocking()? {
            Some(result) => self.land(flight, &result, progress, watch),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Takes a result into account.
    fn land(
        &mut self,
        flight: &mut Flight,
        result: &StepResult,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let landing = match flight.landed(result, self.state.epoch + 1) {
            Landed::Part => return Ok(ControlFlow::Continue(())),
            Landed::Bad(run) => {
                let StepResult { step, loss, gradient_norm, .. } = *result;
                let node = self.blame(&run, result.loss_scale);
                return Err(match result.loss_scale.filter(|_| loss.is_finite()) {
                    Some(loss_scale) => TrainError::LossScale { step, loss_scale, node },
                    None => TrainError::NotFinite { step, loss, gradient_norm, node },
                });
            }
            Landed::Update(landing) => landing,
        };
        self.state.step = landing.record.step;
        self.state.batch = landing.next_batch;
        self.state.loss_sum += landing.loss_sum;
        self.state.samples += landing.samples;
        if let Some(state) = &mut self.state.loss_scale {
            state.skipped += u32::from(landing.record.skipped);
        }
        let StepRecord { epoch, step, loss, loss_scale, .. } = landing.record;
        progress.step(epoch, step, loss, loss_scale);
        let record = Record::Step(landing.record);
        self.record(&record)?;
        Ok(watch(&record))
    }

    /// Validates, and writes what there is to write at the end of an epoch.
    fn end_epoch(&mut self, begun: Instant) -> Result<EpochRecord, TrainError> {
        let epoch = self.state.epoch + 1;
        let due = epoch.is_multiple_of(self.options.validate_every) || epoch == self.options.epochs;
        let figures = if due { self.evaluate()? } else { None };
        let train_loss = self.state.loss_sum / self.state.samples as f64;
        self.state.epoch = epoch;
        self.state.batch = 0;
        self.state.loss_sum = 0.0;
        self.state.samples = 0;
        let watched = match (&figures, &self.evaluator) {
            (Some(figures), _) => figures.watched(&self.options.watch),
            (None, None) => Some(train_loss),
            (None, Some(_)) => None,
        };
        let better = watched.is_some_and(|value| self.observe(value));
        let record = EpochRecord {
            epoch,
            step: self.state.step,
            train_loss,
            val_loss: figures.as_ref().and_then(|f| f.loss),
            metrics: figures.as_ref().map(|f| f.metrics.clone()).unwrap_or_default(),
            class_iou: figures.as_ref().map(Figures::class_iou).unwrap_or_default(),
            skipped: self.state.loss_scale.map(|state| state.skipped.into()),
            seconds: begun.elapsed().as_secs_f64(),
        };
        self.record(&Record::Epoch(record.clone()))?;
        self.save_epoch(better)?;
        Ok(record)
    }

    /// Takes a watched value into account; true if it is the best so far.
    fn observe(&mut self, value: f64) -> bool {
        let watch = if self.evaluator.is_some() { &self.options.watch } else { &Watch::Loss };
        let mode = watch.mode(self.options.maximize);
        if let Some(rule) = self.options.early_stopping {
            rule.observe(mode, value, &mut self.state.waiting);
        }
        let better = mode.is_better(value, self.state.best, 0.0);
        if better {
            self.state.best = Some(value);
        }
        better
    }
}
