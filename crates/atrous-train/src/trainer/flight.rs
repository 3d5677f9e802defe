//! Runs that were submitted and whose results are pending.

use std::{collections::VecDeque, time::Instant};

use atrous_gpu::StepResult;

use crate::{data::Batch, log::StepRecord};

/// The smallest loss scale at which an overflow of the gradient is skipped. The largest f16 is about `2^16`, so a gradient that overflows
/// at this scale, `2^-14`, is larger than `2^30`; then the training has diverged.
const LEAST_SCALE: f32 = 1.0 / 16384.0;

/// A submitted run.
#[derive(Debug)]
pub(super) struct Run {
    /// Kept to find the first values that are not finite.
    pub(super) batch: Batch,
    /// The seed of dropout.
    pub(super) seed: u32,
    pub(super) lr: f64,
    /// Whether the run completes an update.
    pub(super) update: bool,
}

/// The pending runs of one epoch, and the update that they belong to. Results arrive in the order of submission.
#[derive(Debug)]
pub(super) struct Flight {
    runs: VecDeque<Run>,
    /// Number of updates that were submitted since the beginning of the training.
    pub(super) updates: u64,
    /// Number of runs submitted for the next update.
    pub(super) filled: u64,
    /// Sum of `loss * samples`, and number of samples, over the runs of the current update whose results have arrived.
    loss_sum: f64,
    samples: u64,
    since: Instant,
}

/// What a result means for the training.
#[derive(Debug)]
pub(super) enum Landed {
    /// The update that the run belongs to is not complete.
    Part,
    /// The run completes an update.
    Update(Landing),
    /// The loss is not finite, or the gradient is not, even with the smallest loss scale.
    Bad(Run),
}

/// A complete update.
#[derive(Debug)]
pub(super) struct Landing {
    /// The record for the log.
    pub(super) record: StepRecord,
    /// The number of the next batch in the epoch.
    pub(super) next_batch: u64,
    /// Sum of `loss * samples` over the update's runs.
    pub(super) loss_sum: f64,
    /// Number of samples of the update's runs.
    pub(super) samples: u64,
}

impl Flight {
    /// No runs yet, after this number of updates.
    pub(super) fn new(updates: u64) -> Self {
        let since = Instant::now();
        Self { runs: VecDeque::new(), updates, filled: 0, loss_sum: 0.0, samples: 0, since }
    }

    /// Records that a run was submitted.
    pub(super) fn submitted(&mut self, run: Run) {
        if run.update {
            self.updates += 1;
            self.filled = 0;
        } else {
            self.filled += 1;
        }
        self.runs.push_back(run);
    }

    /// Records the result of the earliest pending run, in epoch number `epoch`, counted from 1.
    pub(super) fn landed(&mut self, result: &StepResult, epoch: u64) -> Landed {
        let run = self.runs.pop_front().expect("a result belongs to a run that was submitted");
        let overflown = result.loss.is_finite() && result.loss_scale.is_some_and(|scale| scale >= LEAST_SCALE);
        if !result.applied && !overflown {
            return Landed::Bad(run);
        }
        let samples = run.batch.samples as u64;
        self.loss_sum += f64::from(result.loss) * samples as f64;
        self.samples += samples;
        if !run.update {
            return Landed::Part;
        }
        let (loss_sum, samples) = (std::mem::take(&mut self.loss_sum), std::mem::take(&mut self.samples));
        let now = Instant::now();
        let seconds = now.duration_since(std::mem::replace(&mut self.since, now)).as_secs_f64();
        let record = StepRecord {
            step: result.step,
            epoch,
            loss: loss_sum / samples as f64,
            lr: run.lr,
            gradient_norm: Some(result.gradient_norm.into()),
            loss_scale: result.loss_scale.map(f64::from),
            skipped: !result.applied,
            images_per_second: samples as f64 / seconds.max(1e-9),
        };
        Landed::Update(Landing { record, next_batch: run.batch.index as u64 + 1, loss_sum, samples })
    }
}
