//! Early stopping: ending a training when the validation does not improve any more.

use serde::{Deserialize, Serialize};

/// Whether smaller or larger values are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Less is better: losses.
    #[default]
    Min,
    /// More is better: accuracies, mIoU.
    Max,
}

impl Mode {
    /// Whether `value` is better than `best` by more than `min_delta`. NaN is never better; anything else is better than
    /// no value or NaN.
    pub fn is_better(self, value: f64, best: Option<f64>, min_delta: f64) -> bool {
        match best.filter(|b| !b.is_nan()) {
            None => !value.is_nan(),
            Some(best) => match self {
                Self::Min => value < best - min_delta,
                Self::Max => value > best + min_delta,
            },
        }
    }
}

/// When to stop: the rule of Keras' `EarlyStopping`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyStopping {
    /// Validations in a row without improvement after which training stops, at least 1.
    pub patience: u32,
    /// The least change that counts as an improvement, not negative.
    #[serde(default)]
    pub min_delta: f64,
}

/// A parameter of [`EarlyStopping`] that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("early stopping: {parameter} must be {needs}, got {got}")]
pub struct EarlyStoppingError {
    /// The parameter's name.
    pub parameter: &'static str,
    /// The values that it may have.
    pub needs: &'static str,
    /// The value given.
    pub got: String,
}

/// The state of early stopping between validations; part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The best value so far.
    pub best: Option<f64>,
    /// Number of validations since the best value.
    pub waited: u32,
}

impl EarlyStopping {
    /// Checks that the parameters are within their ranges.
    ///
    /// # Errors
    /// [`EarlyStoppingError`] for the first one that is not.
    pub fn validate(&self) -> Result<(), EarlyStoppingError> {
        let fail = |parameter, needs, got| Err(EarlyStoppingError { parameter, needs, got });
        if self.patience == 0 {
            return fail("patience", "at least 1", self.patience.to_string());
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return fail("min_delta", "finite and not negative", self.min_delta.to_string());
        }
        Ok(())
    }

    /// Updates the state with the value of one validation; returns whether training should stop.
    pub fn observe(&self, mode: Mode, value: f64, waiting: &mut Waiting) -> bool {
        if mode.is_better(value, waiting.best, self.min_delta) {
            *waiting = Waiting { best: Some(value), waited: 0 };
        } else {
            waiting.waited = waiting.waited.saturating_add(1);
        }
        waiting.waited >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of values taken until it stops.
    fn stops_after(mode: Mode, patience: u32, min_delta: f64, values: &[f64]) -> Option<usize> {
        let rule = EarlyStopping { patience, min_delta };
        rule.validate().unwrap();
        let mut waiting = Waiting::default();
        values.iter().position(|v| rule.observe(mode, *v, &mut waiting)).map(|i| i + 1)
    }

    #[test]
    fn it_stops_after_so_many_values_without_improvement() {
        assert_eq!(stops_after(Mode::Min, 2, 0.0, &[3.0, 2.0, 2.0, 1.0, 1.5, 1.0, 0.5]), Some(6));
        assert_eq!(stops_after(Mode::Max, 2, 0.0, &[0.1, 0.2, 0.2, 0.3, 0.4]), None);
        assert_eq!(stops_after(Mode::Max, 3, 0.0, &[0.5, 0.4, 0.4, 0.4]), Some(4));
        // Steps of 0.1 do not reach a least change of 0.15; two of them do.
        assert_eq!(stops_after(Mode::Min, 1, 0.15, &[1.0, 0.9, 0.8]), Some(2));
        assert_eq!(stops_after(Mode::Min, 2, 0.15, &[1.0, 0.9, 0.8, 0.7, 0.6]), None);
    }

    #[test]
    fn not_a_number_never_is_an_improvement() {
        assert_eq!(stops_after(Mode::Min, 2, 0.0, &[f64::NAN, f64::NAN, 1.0]), Some(2));
        assert_eq!(stops_after(Mode::Max, 2, 0.0, &[f64::NAN, 1.0, f64::NAN, 2.0]), None);
        assert!(Mode::Min.is_better(1.0, Some(f64::NAN), 0.0));
    }

    #[test]
    fn senseless_parameters_are_named() {
        let error = |patience, min_delta| EarlyStopping { patience, min_delta }.validate().unwrap_err().to_string();
        assert_eq!(error(0, 0.0), "early stopping: patience must be at least 1, got 0");
        assert_eq!(error(1, -0.5), "early stopping: min_delta must be finite and not negative, got -0.5");
        assert!(error(1, f64::NAN).contains("got NaN"));
    }
}
