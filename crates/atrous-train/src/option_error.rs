//! Numbers and names that make no sense.

use crate::{EarlyStoppingError, ScheduleError};

/// Options that make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A number outside of its range.
    #[error("{option} must be {must}, got {got}")]
    Number {
        /// The option's name.
        option: &'static str,
        /// The values that it may have.
        must: &'static str,
        /// The value given.
        got: String,
    },
    /// A schedule that makes no sense.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The rule for stopping early.
    #[error(transparent)]
    EarlyStopping(#[from] EarlyStoppingError),
    /// An optimizer that makes no sense.
    #[error("optimizer: {0}")]
    Optimizer(String),
    /// A loss scaling that makes no sense.
    #[error("loss scaling: {0}")]
    LossScaling(String),
    /// A loss that makes no sense.
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
