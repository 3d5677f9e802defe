//! Runs that were submitted and whose results have not come back.

use std::{collections::VecDeque, time::Instant};

use atrous_gpu::StepResult;

use crate::{data::Batch, log::StepRecord};

/// The least loss scale with which an overflow is an overflow. The largest f16 is about `2^16`: what this scale, `2^-14`, does not
/// bring below it is beyond `2^30`, and no gradient to learn by.
const LEAST_SCALE: f32 = 1.0 / 16384.0;

/// A submitted run.
#[derive(Debug)]
pub(super) struct Run {
    /// Kept to find out where numbers went bad.
    pub(super) batch: Batch,
    /// What dropout was seeded with.
    pub(super) seed: u32,
    pub(super) lr: f64,
    /// Whether the run ends an update.
    pub(super) update: bool,
}

/// The runs of one epoch between submission and result, and the update they are part of. Results come in the order of
/// submission.
#[derive(Debug)]
pub(super) struct Flight {
    runs: VecDeque<Run>,
    /// Updates begun, over the whole training; the last may not have been submitted.
    pub(super) updates: u64,
    /// Runs submitted for the update that is not complete.
    pub(super) filled: u64,
    /// Sum of `loss * samples` and samples of the runs of the update whose results come.
    loss_sum: f64,
    samples: u64,
    since: Instant,
}

/// What a result meant for the training.
#[derive(Debug)]
pub(super) enum Landed {
    /// A run of an update that is not complete.
    Part,
    /// An update is complete.
    Update(Landing),
    /// The loss was not finite, or the gradient was not and no smaller scale will help.
    Bad(Run),
}

/// A complete update.
#[derive(Debug)]
pub(super) struct Landing {
    /// Its line of the log.
    pub(super) record: StepRecord,
    /// Where the data go on.
    pub(super) next_batch: u64,
    /// Sum of `loss * samples` over its runs.
    pub(super) loss_sum: f64,
    /// Samples of its runs.
    pub(super) samples: u64,
}

impl Flight {
    /// Nothing submitted, after so many updates.
    pub(super) fn new(updates: u64) -> Self {
        let since = Instant::now();
        Self { runs: VecDeque::new(), updates, filled: 0, loss_sum: 0.0, samples: 0, since }
    }

    /// A run was submitted.
    pub(super) fn submitted(&mut self, run: Run) {
        if run.update {
            self.updates += 1;
            self.filled = 0;
        } else {
            self.filled += 1;
        }
        self.runs.push_back(run);
    }

    /// The result of the earliest run has come, in epoch number `epoch`, counted from 1.
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
