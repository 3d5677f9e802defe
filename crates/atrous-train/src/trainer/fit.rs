//! The loop over epochs and batches.

use std::{ops::ControlFlow, time::Instant};

use atrous_gpu::{ParameterSnapshot, StepOptions, StepResult};

use super::{
    Figures, TrainError, Trainer, Watch,
    flight::{Flight, Landed, Run},
};
use crate::{
    Progress,
    data::Batch,
    log::{EpochRecord, Record, StepRecord},
    step::dropout_seed,
};

/// The result of a call of [`Trainer::fit`].
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub reason: Reason,
    /// Number of epochs done since the beginning of the training.
    pub epochs: u64,
    /// Number of updates done since the beginning of the training.
    pub steps: u64,
    /// Best value of the watched quantity.
    pub best: Option<f64>,
    /// The last epoch of this call.
    pub last: Option<EpochRecord>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All epochs are done.
    Finished,
    /// Early stopping ended the training, since the watched quantity did not improve.
    Stopped,
    /// The `watch` function of [`Trainer::fit_with`] ended the training. It can be resumed.
    Interrupted,
}

impl Trainer {
    /// Trains to the end.
    ///
    /// # Errors
    /// [`TrainError`]. [`TrainError::NotFinite`] if loss or gradient become infinite or NaN; checkpoints are not
    /// overwritten then. With a loss scale, a step whose gradient overflows is skipped; only if it does so at the
    /// smallest scale the error is [`TrainError::LossScale`]. Parameters that are not finite are not saved either, and are
    /// [`TrainError::Diverged`] where they would be, and at the end. After these errors the parameters may be one update ahead of the
    /// state; the last checkpoint is consistent. After all others, such as a file that cannot be read, the update under way is
    /// completed and the last checkpoint written to the run folder, if there is one: the error is then
    /// [`TrainError::Saved`] or [`TrainError::NotSaved`] around the [reason](TrainError::reason).
    ///
    /// A device that is lost is opened again, and the training goes on from the last [snapshot](super::TrainOptions::snapshot_every) with
    /// the same bits; what it does again is not told again. With [`OnOom::Adapt`](super::OnOom::Adapt) it goes on the same way, in less
    /// memory, when the device lacks memory. Only if it cannot, or is lost six times in a row without getting further, the error
    /// is the device's, and the last snapshot is saved in the run folder.
    pub fn fit(&mut self) -> Result<Outcome, TrainError> {
        self.fit_with(|_| ControlFlow::Continue(()))
    }

    /// Trains to the end, or until `watch` returns `Break`. `watch` is called with every record of the log as soon as it is known, and with
    /// [`Record::Again`] for updates that are done again; at that time the next step is already under way. After `Break` the update under way is
    /// completed and a checkpoint is written. A panic of `watch` is passed on, and nothing is written.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_with(&mut self, mut watch: impl FnMut(&Record) -> ControlFlow<()>) -> Result<Outcome, TrainError> {
        loop {
            match self.attempt(&mut watch) {
                Ok(outcome) => return Ok(outcome),
                Err(error) => self.recover(error).map_err(|error| self.rescue(error))?,
            }
        }
    }

    /// Trains to the end from the state that is on the device.
    fn attempt(&mut self, watch: &mut impl FnMut(&Record) -> ControlFlow<()>) -> Result<Outcome, TrainError> {
        // An earlier, failed call may have left the result of a step, and gradients of an update that it did not
        // complete.
        self.safety.validating = false;
        self.placed.finish()?;
        self.placed.session.discard_accumulated()?;
        if self.safety.kept.is_none() && self.options.snapshot_every.is_some() {
            self.take_snapshot()?;
        }
        for news in std::mem::take(&mut self.safety.news) {
            let record = Record::Recovery(news);
            self.record(&record)?;
            if watch(&record).is_break() {
                self.save_last()?;
                return Ok(self.outcome(Reason::Interrupted, None));
            }
        }
        self.train_epochs(watch)
    }

    /// Trains epoch by epoch, from the current state to the end.
    fn train_epochs(&mut self, watch: &mut impl FnMut(&Record) -> ControlFlow<()>) -> Result<Outcome, TrainError> {
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
            if self.train_epoch(&progress, watch)?.is_break() {
                break Reason::Interrupted;
            }
            let record = self.end_epoch(begun)?;
            let known = record.epoch <= self.safety.watched;
            self.safety.watched = self.safety.watched.max(record.epoch);
            last = Some(record.clone());
            if known {
                continue;
            }
            progress.epoch(&record);
            if watch(&Record::Epoch(record)).is_break() {
                break Reason::Interrupted;
            }
        };
        self.check_unsaved()?;
        Ok(self.outcome(reason, last))
    }

    fn outcome(&self, reason: Reason, last: Option<EpochRecord>) -> Outcome {
        Outcome { reason, epochs: self.state.epoch, steps: self.state.step, best: self.state.best, last }
    }

    fn progress(&self) -> Progress {
        let steps = (self.train.batches() as u64).div_ceil(self.options.accumulate);
        let images = self.train.options().batch as u64 * self.options.accumulate;
        Progress::new(self.options.show, self.options.epochs, steps * self.options.epochs, self.state.step, images)
    }

    /// Trains from the current state to the end of its epoch. If `watch` returns `Break`, writes a checkpoint and
    /// returns `Break`. After an error that leaves the parameters good, the step under way is completed.
    fn train_epoch(
        &mut self,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let mut flight = Flight::new(self.state.step);
        let ended = self.train_batches(&mut flight, progress, watch);
        if ended.as_ref().is_err_and(TrainError::leaves_good_parameters) {
            // What the log or the step says here comes after the error that is told.
            let _ = self.drain(&mut flight, progress, watch);
            self.undo_incomplete(&flight)?;
        }
        ended
    }

    /// Undoes what the runs of an update that is not completed have changed.
    fn undo_incomplete(&self, flight: &Flight) -> Result<(), TrainError> {
        if flight.filled > 0 {
            self.placed.session.discard_accumulated()?;
            self.placed.statistics.as_ref().map_or(Ok(()), ParameterSnapshot::restore)?;
        }
        Ok(())
    }

    fn train_batches(
        &mut self,
        flight: &mut Flight,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let mut batches = self.train.epoch(self.state.epoch, self.state.batch as usize).peekable();
        let (mut window, mut done) = (1, 0);
        let mut go_on = ControlFlow::Continue(());
        while let Some(batch) = batches.next() {
            let saves = go_on.is_break() || self.checkpoint_is_due(flight);
            if flight.filled == 0 && (saves || self.snapshot_is_due(flight)) {
                let end = self.drain(flight, progress, watch)?;
                if saves || end.is_break() {
                    self.save_last()?
                } else {
                    self.take_snapshot()?
                }
                if go_on.is_break() || end.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let batch = batch?;
            if flight.filled == 0 {
                let left = self.train.batches().saturating_sub(batch.index).max(1);
                (window, done) = (self.options.accumulate.min(left as u64), 0);
                self.placed.statistics.as_ref().map_or(Ok(()), ParameterSnapshot::take)?;
            }
            done += 1;
            // An epoch may end early, since batches whose samples are all broken are skipped.
            let last = self.options.accumulate > 1 && batches.peek().is_none();
            let update = done == window || last;
            if let Some(told) = self.train_batch(batch, window, update, flight, progress, watch)? {
                go_on = told;
            }
        }
        let end = self.drain(flight, progress, watch)?;
        if go_on.is_break() || end.is_break() {
            self.save_last()?;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Submits the runs of a batch, one of `window` of an update, and takes the results of those before. Returns what the watcher
    /// said last.
    fn train_batch(
        &mut self,
        batch: Batch,
        window: u64,
        update: bool,
        flight: &mut Flight,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<Option<ControlFlow<()>>, TrainError> {
        let mut told = None;
        let samples = batch.shape[0] as f64;
        let mut parts = batch.parts(self.way.batch).into_iter().peekable();
        while let Some(part) = parts.next() {
            let step = StepOptions {
                lr: self.options.schedule.rate(self.options.lr, flight.updates),
                step: flight.updates + 1,
                update: update && parts.peek().is_none(),
                scale: part.shape[0] as f64 / samples / window as f64,
            };
            if let Some(result) = self.ready_for(part.shape[0])? {
                told = Some(self.land(flight, &result, progress, watch)?);
            }
            let seed = dropout_seed(self.options.seed, step.step, flight.filled);
            let before = self.placed.submit(&part, seed, step)?;
            flight.submitted(Run { batch: part, seed, lr: step.lr, update: step.update });
            if let Some(result) = before {
                told = Some(self.land(flight, &result, progress, watch)?);
            }
        }
        Ok(told)
    }

    /// Whether a checkpoint is to be written between two updates.
    fn checkpoint_is_due(&self, flight: &Flight) -> bool {
        // No checkpoint before the first update of this call.
        let made = flight.updates > self.state.step;
        made && self.options.checkpoint_every.is_some_and(|n| flight.updates.is_multiple_of(n))
    }

    /// Whether a snapshot is to be taken between two updates.
    fn snapshot_is_due(&self, flight: &Flight) -> bool {
        let made = flight.updates > self.state.step;
        made && self.options.snapshot_every.is_some_and(|n| flight.updates.is_multiple_of(n))
    }

    /// Waits for the result of the step under way, if there is one.
    fn drain(
        &mut self,
        flight: &mut Flight,
        progress: &Progress,
        watch: &mut impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        match self.placed.finish()? {
            Some(result) => self.land(flight, &result, progress, watch),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Updates the state, the log and the progress with a result.
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
        if step <= self.safety.steps {
            return Ok(watch(&Record::Again(step)));
        }
        self.safety.steps = step;
        progress.step(epoch, step, loss, loss_scale);
        let record = Record::Step(landing.record);
        self.record(&record)?;
        Ok(watch(&record))
    }

    /// Ends an epoch: validates if it is due, and writes the log and checkpoints. After an error the state is the one
    /// before, in which the epoch is trained and this is due.
    fn end_epoch(&mut self, begun: Instant) -> Result<EpochRecord, TrainError> {
        let trained = self.state.clone();
        let ended = self.finish_epoch(begun);
        if ended.is_err() {
            self.state = trained;
        }
        ended
    }

    fn finish_epoch(&mut self, begun: Instant) -> Result<EpochRecord, TrainError> {
        let epoch = self.state.epoch + 1;
        let due = epoch.is_multiple_of(self.options.validate_every) || epoch == self.options.epochs;
        let figures = if due { self.validate()? } else { None };
        let train_loss = self.state.loss_sum / self.state.samples as f64;
        self.state.epoch = epoch;
        self.state.batch = 0;
        self.state.loss_sum = 0.0;
        self.state.samples = 0;
        let watched = match (&figures, &self.placed.evaluator) {
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
        if epoch > self.safety.epochs {
            self.record(&Record::Epoch(record.clone()))?;
            self.safety.epochs = epoch;
        }
        self.save_epoch(better)?;
        Ok(record)
    }

    /// Updates the best value and early stopping with a watched value; returns whether it is the best so far.
    fn observe(&mut self, value: f64) -> bool {
        let watch = if self.placed.evaluator.is_some() { &self.options.watch } else { &Watch::Loss };
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
