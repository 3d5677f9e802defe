//! Errors of options.

use crate::{EarlyStoppingError, ScheduleError};

/// An option that is out of range or not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A number is out of range.
    #[error("{option} must be {must}, got {got}")]
    Number {
        /// The option's name.
        option: &'static str,
        /// The values that it may have.
        must: &'static str,
        /// The value given.
        got: String,
    },
    /// The schedule is not valid.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The rule for early stopping is not valid.
    #[error(transparent)]
    EarlyStopping(#[from] EarlyStoppingError),
    /// The optimizer is not valid.
    #[error("optimizer: {0}")]
    Optimizer(String),
    /// The loss scaling is not valid.
    #[error("loss scaling: {0}")]
    LossScaling(String),
    /// The loss is not valid.
    #[error("loss: {0}")]
    Loss(String),
    /// The watched metric is not a figure of the validation.
    #[error("no metric is called \"{name}\"; the validation has {has}")]
    Watch {
        /// The name asked for.
        name: String,
        /// The names of all figures.
        has: String,
    },
    /// Two metrics have the same name.
    #[error("two metrics are called \"{0}\"")]
    SameMetric(String),
}

impl OptionError {
    /// [`Self::Number`] unless `holds`.
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
