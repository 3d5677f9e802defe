//! Numbers and names that make no sense.

use crate::{EarlyStoppingError, ScheduleError};

/// Options that make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A number outside of its range.
    #[error("{option} must be {must}, got {got}")]
    Number {
        /// The option.
        option: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        got: String,
    },
    /// The schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The rule for stopping early.
    #[error(transparent)]
    EarlyStopping(#[from] EarlyStoppingError),
    /// The optimizer.
    #[error("optimizer: {0}")]
    Optimizer(String),
    /// The loss's scale.
    #[error("loss scaling: {0}")]
    LossScaling(String),
    /// The loss.
    #[error("loss: {0}")]
    Loss(String),
    /// What decides which state is the best is no figure of the validation.
    #[error("no metric is called \"{name}\"; the validation has {has}")]
    Watch {
        /// The name asked for.
        name: String,
        /// The names of all figures.
        has: String,
    },
    /// Two metrics have a name.
    #[error("two metrics are called \"{0}\"")]
    SameMetric(String),
}

impl OptionError {
    /// Refuses a number that does not hold.
    pub(crate) fn unless(
        option: &'static str,
        holds: bool,
        must: &'static str,
        got: &dyn std::fmt::Display,
    ) -> Result<(), Self> {
        match holds {
            true => Ok(()),
            false => Err(Self::Number { option, must, got: got.to_string() }),
        }
    }
}
