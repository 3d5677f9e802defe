//! What a training keeps in case that its device is lost.

use crate::{
    checkpoint::{Checkpoint, TrainingState},
    log::RecoveryRecord,
};

/// Losses in a row, without an update that had not been done before, after which a training gives up: something that it does is the reason.
pub(super) const LOSSES: u32 = 5;

/// What a training needs to go on after a loss.
#[derive(Default)]
pub(super) struct Safety {
    /// The last state that was kept on the host.
    pub(super) kept: Option<Checkpoint>,
    /// Updates and epochs that log and watcher know. Those done again after a recovery are the same, and not told twice.
    pub(super) steps: u64,
    pub(super) epochs: u64,
    /// Epochs that the watcher knows: the log is told before an epoch's files are written, the watcher after.
    pub(super) watched: u64,
    /// The updates known at the last loss, and losses since then.
    losses: (u64, u32),
    /// Whether a validation has begun and not succeeded.
    pub(super) validating: bool,
    /// Recoveries that the watcher does not know yet.
    pub(super) news: Vec<RecoveryRecord>,
}

impl Safety {
    /// Notes that everything up to this state is in the log.
    pub(super) fn told(&mut self, state: &TrainingState) {
        (self.steps, self.epochs, self.watched) = (state.step, state.epoch, state.epoch);
    }

    /// Counts a loss; returns whether there were too many. Then a later attempt of the program begins to count anew.
    pub(super) fn is_hopeless(&mut self) -> bool {
        let (steps, count) = self.losses;
        let before = if steps == self.steps { count } else { 0 };
        let hopeless = before >= LOSSES;
        self.losses = (self.steps, if hopeless { 0 } else { before + 1 });
        hopeless
    }
}
