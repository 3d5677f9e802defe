//! Learning rate schedules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The learning rate as a function of the base rate and the step, by the rules of PyTorch's `torch.optim.lr_scheduler` with one scheduler
/// step per optimizer step.
///
/// In files a schedule is a table with a `type`: `type = "cosine"`, `steps = 1000`, `min = 0.0001`.
///
/// ```
/// use atrous_train::Schedule;
///
/// let cosine = Schedule::Cosine { steps: 900, min: 0.0 };
/// let schedule = Schedule::Warmup { steps: 100, start: 0.0, then: Box::new(cosine) };
/// let rates = [0, 50, 100, 550, 1000].map(|step| schedule.rate(0.1, step));
/// for (rate, want) in rates.into_iter().zip([0.0, 0.05, 0.1, 0.05, 0.0]) {
///     assert!((rate - want).abs() < 1e-12);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The base rate throughout.
    Constant {},
    /// `base · gamma^⌊step / step_size⌋` (`StepLR`).
    Step {
        /// Steps between two changes, at least 1.
        step_size: u64,
        /// Factor of each change.
        gamma: f64,
    },
    /// `base · gamma^k`, where `k` milestones have been reached (`MultiStepLR`).
    MultiStep {
        /// Steps at which the rate changes; a step that is listed twice changes it twice.
        milestones: Vec<u64>,
        /// Factor of each change.
        gamma: f64,
    },
    /// `base · gamma^step` (`ExponentialLR`).
    Exponential {
        /// Factor of every step.
        gamma: f64,
    },
    /// `min + (base - min) · (1 + cos(π · step / steps)) / 2` (`CosineAnnealingLR`). After `steps` the rate rises again.
    Cosine {
        /// Steps from the base rate to `min`, at least 1; PyTorch's `T_max`.
        steps: u64,
        /// The lowest rate, absolute; PyTorch's `eta_min`.
        #[serde(default)]
        min: f64,
    },
    /// `base · (1 - step / steps)^power`, 0 from `steps` on (`PolynomialLR`). DeepLab and PSPNet use the power 0.9.
    Poly {
        /// Steps until the rate is 0, at least 1; PyTorch's `total_iters`.
        steps: u64,
        /// Exponent of the decay.
        #[serde(default = "default_power")]
        power: f64,
    },
    /// `base · (start + (1 - start) · step / steps)` for the first `steps` steps, then another schedule, whose steps are counted from
    /// there (`LinearLR` and another in a `SequentialLR`).
    Warmup {
        /// Steps of the rise.
        steps: u64,
        /// Fraction of the base rate at step 0; PyTorch's `start_factor`.
        #[serde(default)]
        start: f64,
        /// The schedule after the warm-up.
        then: Box<Schedule>,
    },
    /// A rise from `base / div_factor` to the base rate and a fall to `base / div_factor / final_div_factor`, both along a
    /// cosine (`OneCycleLR` with two phases; the base rate is its `max_lr`; momentum is not cycled). After `steps` the rate is
    /// constant.
    OneCycle {
        /// Steps of both phases together, at least 1; PyTorch's `total_steps`.
        steps: u64,
        /// Fraction of the steps spent rising.
        #[serde(default = "default_pct_start")]
        pct_start: f64,
        /// Base rate divided by the rate at step 0.
        #[serde(default = "default_div_factor")]
        div_factor: f64,
        /// Rate at step 0 divided by the last rate.
        #[serde(default = "default_final_div_factor")]
        final_div_factor: f64,
    },
}

/// A parameter of a schedule that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schedule \"{schedule}\": {parameter} must be {needs}, got {got}")]
pub struct ScheduleError {
    /// The schedule's `type`.
    pub schedule: &'static str,
    /// The parameter's name.
    pub parameter: &'static str,
    /// The values that it may have.
    pub needs: &'static str,
    /// The value given.
    pub got: String,
}

const fn default_power() -> f64 {
    0.9
}

const fn default_pct_start() -> f64 {
    0.3
}

const fn default_div_factor() -> f64 {
    25.0
}

const fn default_final_div_factor() -> f64 {
    1e4
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Constant {}
    }
}

impl Schedule {
    /// The learning rate used at a step, counted from 0, of a group of parameters whose base rate is `base`; for a schedule
    /// that [`Schedule::validate`] accepts.
    pub fn rate(&self, base: f64, step: u64) -> f64 {
        let fraction = |steps: u64| step as f64 / steps as f64;
        match self {
            Self::Constant {} => base,
            Self::Step { step_size, gamma } => base * gamma.powf(step.checked_div(*step_size).unwrap_or(0) as f64),
            Self::MultiStep { milestones, gamma } => {
                base * gamma.powf(milestones.iter().filter(|m| step >= **m).count() as f64)
            }
            Self::Exponential { gamma } => base * gamma.powf(step as f64),
            Self::Cosine { steps, min } => min + (base - min) * (1.0 + (PI * fraction(*steps)).cos()) / 2.0,
            Self::Poly { steps, power } if step < *steps => base * (1.0 - fraction(*steps)).powf(*power),
            Self::Poly { .. } => 0.0,
            Self::Warmup { steps, start, .. } if step < *steps => base * (start + (1.0 - start) * fraction(*steps)),
            Self::Warmup { steps, then, .. } => then.rate(base, step - steps),
            Self::OneCycle { steps, pct_start, div_factor, final_div_factor } => {
                let first = base / div_factor;
                one_cycle(step, *steps, *pct_start, [first, base, first / final_div_factor])
            }
        }
    }

    /// Checks that all parameters are within their ranges.
    ///
    /// # Errors
    /// [`ScheduleError`] for the first one that is not.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        let positive = |parameter, value: f64| {
            self.check(parameter, value > 0.0 && value.is_finite(), "positive and finite", &value)
        };
        let fraction =
            |parameter, value: f64| self.check(parameter, (0.0..=1.0).contains(&value), "between 0 and 1", &value);
        let at_least_one = |parameter, value: u64| self.check(parameter, value > 0, "at least 1", &value);
        match self {
            Self::Constant {} => Ok(()),
            Self::Step { step_size, gamma } => {
                at_least_one("step_size", *step_size)?;
                positive("gamma", *gamma)
            }
            Self::MultiStep { gamma, .. } | Self::Exponential { gamma } => positive("gamma", *gamma),
            Self::Cosine { steps, min } => {
                at_least_one("steps", *steps)?;
                self.check("min", *min >= 0.0 && min.is_finite(), "finite and not negative", min)
            }
            Self::Poly { steps, power } => {
                at_least_one("steps", *steps)?;
                positive("power", *power)
            }
            Self::Warmup { start, then, .. } => {
                fraction("start", *start)?;
                then.validate()
            }
            Self::OneCycle { steps, pct_start, div_factor, final_div_factor } => {
                at_least_one("steps", *steps)?;
                fraction("pct_start", *pct_start)?;
                positive("div_factor", *div_factor)?;
                positive("final_div_factor", *final_div_factor)
            }
        }
    }

    /// The `type` in files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Constant {} => "constant",
            Self::Step { .. } => "step",
            Self::MultiStep { .. } => "multi-step",
            Self::Exponential { .. } => "exponential",
            Self::Cosine { .. } => "cosine",
            Self::Poly { .. } => "poly",
            Self::Warmup { .. } => "warmup",
            Self::OneCycle { .. } => "one-cycle",
        }
    }

    fn check(
        &self,
        parameter: &'static str,
        good: bool,
        needs: &'static str,
        got: &dyn std::fmt::Display,
    ) -> Result<(), ScheduleError> {
        if good {
            return Ok(());
        }
        Err(ScheduleError { schedule: self.name(), parameter, needs, got: got.to_string() })
    }
}

/// The two phases of `OneCycleLR`: the peak lies at step `pct_start · steps - 1`, the end at step `steps - 1`.
fn one_cycle(step: u64, steps: u64, pct_start: f64, [first, peak, last]: [f64; 3]) -> f64 {
    let cosine = |from: f64, to: f64, done: f64| to + (from - to) / 2.0 * (1.0 + (PI * done).cos());
    let end = steps.saturating_sub(1);
    let (at, end) = (step.min(end) as f64, end as f64);
    let top = pct_start * steps as f64 - 1.0;
    if at < top {
        return cosine(first, peak, at / top);
    }
    // Separate, since the fraction of the fall would be 0 / 0 if the peak is the last step.
    if at == top { peak } else { cosine(peak, last, (at - top) / (end - top)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_follows_pytorch() {
        // torch.optim.lr_scheduler.OneCycleLR(SGD(lr=1), max_lr=0.1, total_steps=10, cycle_momentum=False).
        let schedule = Schedule::OneCycle { steps: 10, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 };
        schedule.validate().unwrap();
        let rates: Vec<f64> = (0..12).map(|t| schedule.rate(0.1, t)).collect();
        assert!((rates[0] - 0.004).abs() < 1e-15);
        assert!((rates[1] - 0.052).abs() < 1e-15);
        assert!((rates[2] - 0.1).abs() < 1e-15);
        assert!((rates[9] - 0.004 / 1e4).abs() < 1e-15);
        assert_eq!(rates[9], rates[11]);
        assert!(rates[2..10].windows(2).all(|w| w[0] > w[1]));
    }

    #[test]
    fn one_cycle_has_no_hole_at_its_borders() {
        for (steps, pct_start) in [(1, 0.0), (1, 1.0), (2, 0.5), (4, 0.25), (10, 0.0), (10, 1.0), (3, 1.0 / 3.0)] {
            let schedule = Schedule::OneCycle { steps, pct_start, div_factor: 25.0, final_div_factor: 1e4 };
            for step in 0..12 {
                let rate = schedule.rate(1.0, step);
                assert!(rate.is_finite() && (0.0..=1.0).contains(&rate), "{steps} {pct_start} {step}: {rate}");
            }
        }
    }

    #[test]
    fn schedules_go_through_files() {
        let schedule =
            Schedule::Warmup { steps: 5, start: 0.1, then: Box::new(Schedule::Cosine { steps: 20, min: 0.0 }) };
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(text, r#"{"type":"warmup","steps":5,"start":0.1,"then":{"type":"cosine","steps":20,"min":0.0}}"#);
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
        let poly: Schedule = serde_json::from_str(r#"{"type": "poly", "steps": 100}"#).unwrap();
        assert_eq!(poly, Schedule::Poly { steps: 100, power: 0.9 });
        for bad in
            [r#"{"type": "poly", "steps": 100, "gamma": 1}"#, r#"{"type": "constant", "x": 1}"#, r#"{"type": "x"}"#]
        {
            serde_json::from_str::<Schedule>(bad).unwrap_err();
        }
    }

    #[test]
    fn senseless_parameters_are_named() {
        let error = |schedule: Schedule| schedule.validate().unwrap_err().to_string();
        assert_eq!(
            error(Schedule::Step { step_size: 0, gamma: 0.5 }),
            "schedule \"step\": step_size must be at least 1, got 0"
        );
        assert_eq!(
            error(Schedule::Exponential { gamma: f64::NAN }),
            "schedule \"exponential\": gamma must be positive and finite, got NaN"
        );
        assert_eq!(
            error(Schedule::Warmup { steps: 3, start: 1.5, then: Box::default() }),
            "schedule \"warmup\": start must be between 0 and 1, got 1.5"
        );
        let inner = Schedule::Poly { steps: 0, power: 0.9 };
        assert!(error(Schedule::Warmup { steps: 3, start: 0.0, then: Box::new(inner) }).contains("\"poly\": steps"));
        assert!(
            error(Schedule::Cosine { steps: 1, min: -1.0 }).contains("min must be finite and not negative, got -1")
        );
        let cycle = |pct_start, div_factor, final_div_factor| Schedule::OneCycle {
            steps: 9,
            pct_start,
            div_factor,
            final_div_factor,
        };
        assert!(error(cycle(1.1, 1.0, 1.0)).contains("pct_start"));
        assert!(error(cycle(0.1, 0.0, 1.0)).contains("div_factor must be positive"));
        assert!(error(cycle(0.1, 1.0, f64::INFINITY)).contains("final_div_factor"));
    }
}
