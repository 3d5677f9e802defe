//! Whether the fields of a state fit each other.

use atrous_files::excerpt;
use atrous_graph::autodiff::Recompute;

use super::{Adapted, TrainingState};

/// How many batches an epoch has, and how they become updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochShape {
    /// Batches of an epoch.
    pub batches: u64,
    /// Batches of an update.
    pub accumulate: u64,
}

impl EpochShape {
    /// Most updates of these batches.
    const fn updates(self, batches: u64) -> u64 {
        batches.div_ceil(if self.accumulate > 0 { self.accumulate } else { 1 })
    }
}

/// A field of a state that contradicts the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {field} is {}, it must be {must}", excerpt(got))]
pub struct Contradiction {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub got: String,
    /// What the other fields allow.
    pub must: String,
}

impl TrainingState {
    /// Checks that the fields are such as a training with epochs of this shape reaches.
    ///
    /// After epochs with other data ([`Self::changed_data`]) the numbers of steps and samples are not compared; batches
    /// whose samples were all skipped as broken make fewer steps.
    ///
    /// # Errors
    /// [`Contradiction`] for the first field that is not.
    pub fn check_consistent(&self, epoch: EpochShape) -> Result<(), Contradiction> {
        let Self { step, batch, samples, loss_sum, best, waiting, lr, .. } = *self;
        let unless = |holds: bool, field, must: String, got: &dyn std::fmt::Display| match holds {
            true => Ok(()),
            false => Err(Contradiction { field, must, got: got.to_string() }),
        };
        let begun = u64::from(batch > 0);
        let most = self.epoch.saturating_mul(epoch.updates(epoch.batches)).saturating_add(epoch.updates(batch));
        let must = || format!("{}, as an epoch has so many, or less", epoch.batches);
        unless(self.changed_data || batch <= epoch.batches, "number of batches done", must(), &batch)?;
        let least = self.epoch.saturating_add(begun);
        let after = format!("after {} epochs and {batch} batches", self.epoch);
        unless(step >= least, "step", format!("at least {least} {after}"), &step)?;
        unless(self.changed_data || step <= most, "step", format!("at most {most} {after}"), &step)?;
        let most = batch.saturating_mul(self.input[0] as u64);
        let within = samples >= begun && (self.changed_data || samples <= most);
        unless(within, "number of samples", format!("{begun} to {most} after {batch} batches"), &samples)?;
        unless(loss_sum.is_finite(), "sum of losses", "finite".to_owned(), &loss_sum)?;
        let zero = batch > 0 || loss_sum == 0.0;
        unless(zero, "sum of losses", "0 at the beginning of an epoch".to_owned(), &loss_sum)?;
        for (field, value) in [("best value", best), ("best value of early stopping", waiting.best)] {
            let value = value.unwrap_or(0.0);
            unless(value.is_finite(), field, "finite".to_owned(), &value)?;
        }
        let waited = u64::from(waiting.waited);
        let must = format!("at most the {} epochs", self.epoch);
        unless(waited <= self.epoch, "number of validations without improvement", must, &waited)?;
        unless(lr.is_finite() && lr > 0.0, "learning rate", "positive and finite".to_owned(), &lr)?;
        if let Err(error) = self.schedule.validate() {
            return unless(false, "schedule", error.to_string(), &format!("{:?}", self.schedule));
        }
        let skipped = self.loss_scale.map_or(0, |scale| u64::from(scale.skipped));
        unless(skipped <= step, "number of skipped steps", format!("at most the {step} steps"), &skipped)?;
        let applied = self.loss_scale.map_or(0, |scale| u64::from(scale.applied));
        let must = format!("at most the {} steps that were not skipped", step - skipped);
        unless(applied <= step - skipped, "number of steps with one loss scale", must, &applied)?;
        self.check_adapted()
    }

    /// Checks that the step was made smaller in a way that there is.
    fn check_adapted(&self) -> Result<(), Contradiction> {
        let Some(Adapted { batch, recompute }) = &self.adapted else { return Ok(()) };
        let contradiction =
            |field, got: &dyn std::fmt::Display, must| Contradiction { field, got: got.to_string(), must };
        if !(1..=self.input[0]).contains(batch) {
            let must = format!("1 to the {} of a batch", self.input[0]);
            return Err(contradiction("number of samples at once", batch, must));
        }
        match recompute.parse::<Recompute>() {
            Ok(_) => Ok(()),
            Err(_) => Err(contradiction("recomputation", recompute, Recompute::TEXTS.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::ScaleState;
    use crate::{Schedule, Waiting};

    /// Within the third of epochs of five batches, two an update.
    fn state() -> TrainingState {
        TrainingState {
            network: "test".to_owned(),
            input: [4, 8, 8, 3],
            targets: None,
            classes: None,
            watch: None,
            computation: None,
            data: None,
            validation: None,
            held_out: None,
            changed_data: false,
            adapted: None,
            step: 8,
            epoch: 2,
            batch: 4,
            loss_sum: 3.5,
            samples: 16,
            seed: 0,
            settings: String::new(),
            lr: 0.1,
            schedule: Schedule::default(),
            best: Some(0.5),
            waiting: Waiting { best: Some(0.5), waited: 1 },
            loss_scale: Some(ScaleState { scale: 2.0, applied: 3, skipped: 1 }),
        }
    }

    const EPOCH: EpochShape = EpochShape { batches: 5, accumulate: 2 };

    #[test]
    fn states_that_a_training_reaches_are_accepted() {
        let check = |change: fn(&mut TrainingState)| {
            let mut state = state();
            change(&mut state);
            state.check_consistent(EPOCH).unwrap();
        };
        check(|_| {});
        check(|s| (s.batch, s.step, s.samples) = (5, 9, 17));
        check(|s| (s.batch, s.step, s.samples, s.loss_sum) = (0, 6, 0, 0.0));
        check(|s| {
            (s.epoch, s.batch, s.step, s.samples, s.loss_sum) = (0, 2, 1, 1, -1.0);
            (s.waiting, s.loss_scale) = (Waiting::default(), None);
        });
        // Whole updates were skipped as broken.
        check(|s| s.step = 5);
        check(|s| (s.changed_data, s.batch, s.samples, s.step) = (true, 9, 40, 50));
        check(|s| s.adapted = Some(Adapted { batch: 2, recompute: "segments=4".to_owned() }));
        check(|s| (s.best, s.waiting, s.loss_scale) = (None, Waiting::default(), None));
    }

    #[test]
    fn every_field_that_contradicts_the_others_is_named_with_numbers() {
        let error = |change: fn(&mut TrainingState)| {
            let mut state = state();
            change(&mut state);
            state.check_consistent(EPOCH).unwrap_err().to_string()
        };
        let most = u64::MAX;
        assert_eq!(
            error(|s| s.batch = 6),
            "its number of batches done is 6, it must be 5, as an epoch has so many, or less"
        );
        assert_eq!(error(|s| s.step = 9), "its step is 9, it must be at most 8 after 2 epochs and 4 batches");
        assert_eq!(error(|s| s.step = 2), "its step is 2, it must be at least 3 after 2 epochs and 4 batches");
        let text = format!("its step is 8, it must be at least {most} after {most} epochs and 4 batches");
        assert_eq!(error(|s| s.epoch = u64::MAX), text);
        assert_eq!(error(|s| s.samples = 17), "its number of samples is 17, it must be 1 to 16 after 4 batches");
        assert_eq!(error(|s| s.samples = 0), "its number of samples is 0, it must be 1 to 16 after 4 batches");
        let adapted = |batch, recompute: &str| Some(Adapted { batch, recompute: recompute.to_owned() });
        for (batch, recompute, text) in [
            (
                2,
                "\n\u{202e}",
                r"its recomputation is \n\u{202e}, it must be nothing, cheap, or segments=N with N at least 1",
            ),
            (0, "cheap", "its number of samples at once is 0, it must be 1 to the 4 of a batch"),
            (5, "cheap", "its number of samples at once is 5, it must be 1 to the 4 of a batch"),
            (
                2,
                "segments=0",
                "its recomputation is segments=0, it must be nothing, cheap, or segments=N with N at least 1",
            ),
        ] {
            let wrong = TrainingState { adapted: adapted(batch, recompute), ..state() };
            assert_eq!(wrong.check_consistent(EPOCH).unwrap_err().to_string(), text);
        }
        assert_eq!(error(|s| s.loss_sum = f64::NAN), "its sum of losses is NaN, it must be finite");
        let begin = |s: &mut TrainingState| (s.batch, s.step, s.samples) = (0, 6, 0);
        let mut fresh = state();
        begin(&mut fresh);
        assert!(fresh.check_consistent(EPOCH).unwrap_err().to_string().ends_with("0 at the beginning of an epoch"));
        assert_eq!(error(|s| s.best = Some(f64::INFINITY)), "its best value is inf, it must be finite");
        assert!(error(|s| s.waiting.best = Some(f64::NAN)).contains("best value of early stopping is NaN"));
        assert!(error(|s| s.waiting.waited = 3).ends_with("is 3, it must be at most the 2 epochs"));
        assert_eq!(error(|s| s.lr = -0.5), "its learning rate is -0.5, it must be positive and finite");
        assert!(error(|s| s.schedule = Schedule::Poly { steps: 0, power: 0.9 }).contains("its schedule is Poly"));
        let scale = |skipped, applied| Some(ScaleState { scale: 2.0, applied, skipped });
        let skipped = TrainingState { loss_scale: scale(9, 0), ..state() };
        assert!(skipped.check_consistent(EPOCH).unwrap_err().to_string().contains("skipped steps is 9"));
        let applied = TrainingState { loss_scale: scale(2, 7), ..state() };
        assert!(
            applied.check_consistent(EPOCH).unwrap_err().to_string().ends_with("the 6 steps that were not skipped")
        );
    }
}
