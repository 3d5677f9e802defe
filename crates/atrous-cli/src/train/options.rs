//! Conversion of a configuration to the options of the library.

use atrous::graph::autodiff::Recompute;
use atrous::train::objective::Labelled;
use atrous::train::{EarlyStopping, Schedule, Show, TrainOptions};
use serde::Deserialize;
use toml::{Table, Value};

use super::config::Config;
use super::error::{Failed, Result};
use super::flags::Flags;

impl Config {
    /// The options of a training without its run folder, given the number of batches per epoch. Fills in the steps of
    /// the schedule.
    pub(super) fn options(&mut self, batches: usize, frozen: Vec<String>, flags: &Flags) -> Result<TrainOptions> {
        let steps = (batches as u64).div_ceil(self.accumulate.max(1)).saturating_mul(self.epochs);
        fill_steps(&mut self.schedule, steps);
        let (optimizer, lr, weight_decay) = self.optimizer.parts();
        let stopping =
            |rule: super::config::EarlyStopping| EarlyStopping { patience: rule.patience, min_delta: rule.min_delta };
        Ok(TrainOptions {
            epochs: self.epochs,
            optimizer,
            maximize: self.maximize,
            lr,
            schedule: self.schedule()?,
            weight_decay,
            parts: self.parts.clone().unwrap_or_default(),
            frozen,
            clip_norm: self.clip_norm,
            accumulate: self.accumulate,
            seed: self.seed,
            recompute: self.recompute()?,
            validate_every: self.validate_every,
            watch: self.watch.clone(),
            early_stopping: self.early_stopping.map(stopping),
            resume: flags.resume.is_some(),
            accept_changed_data: flags.accept_changed_data,
            checkpoint_every: self.checkpoint_every,
            snapshot_every: Some(self.snapshot_every).filter(|n| *n > 0),
            on_oom: self.on_oom,
            show: Show::Auto,
            ..TrainOptions::default()
        })
    }

    /// The objective.
    pub(super) fn objective(&self) -> Labelled {
        Labelled { loss: self.loss.clone(), aux_weight: self.aux_weight, top_k: self.top_k, ..Labelled::default() }
    }

    /// Checks that the schedule's table is valid.
    pub(super) fn check_schedule(&self) -> Result<(), toml::de::Error> {
        let mut schedule = self.schedule.clone();
        fill_steps(&mut schedule, 1);
        Schedule::deserialize(schedule).map(drop)
    }

    fn schedule(&self) -> Result<Schedule, Failed> {
        Schedule::deserialize(self.schedule.clone())
            .map_err(|e| Failed::Config { place: "schedule".to_owned(), reason: e.message().to_owned() })
    }

    fn recompute(&self) -> Result<Recompute, Failed> {
        let (key, must, got) = ("recompute", Recompute::TEXTS, self.recompute.clone());
        self.recompute.parse().map_err(|_| Failed::Value { key, must, got })
    }

    /// The memory budget in bytes.
    pub(super) fn budget(&self) -> Result<Option<u64>, Failed> {
        let Some(text) = &self.memory_budget else { return Ok(None) };
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text[digits.len()..].trim() {
            "" | "B" => Some(1u64),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            _ => None,
        };
        let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
        let must = "a whole number with B, KiB, MiB or GiB, such as 2GiB";
        bytes.map(Some).ok_or_else(|| Failed::Value { key: "memory_budget", must, got: format!("{text:?}") })
    }
}

/// Sets `steps` of a schedule that needs it and has none to the number of remaining steps.
fn fill_steps(schedule: &mut Table, left: u64) {
    let kind = schedule.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let whole = || Value::Integer(i64::try_from(left.max(1)).unwrap_or(i64::MAX));
    match kind.as_str() {
        "cosine" | "poly" | "one-cycle" => {
            schedule.entry("steps").or_insert_with(whole);
        }
        "warmup" => {
            let steps = schedule.get("steps").and_then(Value::as_integer).unwrap_or(0);
            let steps = u64::try_from(steps).unwrap_or(0);
            if let Some(Value::Table(then)) = schedule.get_mut("then") {
                fill_steps(then, left.saturating_sub(steps));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_end_with_the_training() {
        let filled = |text: &str| {
            let mut table: Table = text.parse().unwrap();
            fill_steps(&mut table, 100);
            Schedule::deserialize(table).unwrap()
        };
        assert_eq!(filled("type = 'poly'"), Schedule::Poly { steps: 100, power: 0.9 });
        assert_eq!(filled("type = 'poly'\nsteps = 7"), Schedule::Poly { steps: 7, power: 0.9 });
        assert_eq!(filled("type = 'constant'"), Schedule::Constant {});
        let then = Box::new(Schedule::Cosine { steps: 90, min: 0.0 });
        let text = "type = 'warmup'\nsteps = 10\nthen = { type = 'cosine' }";
        assert_eq!(filled(text), Schedule::Warmup { steps: 10, start: 0.0, then });
    }
}
