//! Options of trainings.

use std::path::PathBuf;

use atrous_graph::{
    autodiff::Recompute,
    optim::{LossScaling, Optimizer},
};
use serde::{Deserialize, Serialize};

use super::way::OnOom;
use crate::{EarlyStopping, Mode, OptionError, Part, Schedule, Show, metrics::Metric};

/// Options of a training, such as `TrainOptions { epochs: 20, lr: 0.01, ..TrainOptions::default() }`.
///
/// ```
/// use atrous_graph::optim::Optimizer;
/// use atrous_train::{Schedule, TrainOptions, Watch};
///
/// let options = TrainOptions {
///     epochs: 20,
///     optimizer: Optimizer::adamw(),
///     lr: 3e-4,
///     weight_decay: 0.01,
///     schedule: Schedule::Cosine { steps: 20 * 125, min: 0.0 }, // 125 batches an epoch
///     watch: Watch::MeanIou,
///     run_folder: Some("runs/cells".into()),
///     ..TrainOptions::default()
/// };
/// assert!(options.validate().is_ok());
/// assert!(TrainOptions { lr: -1.0, ..options }.validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Passes over the training data, at least 1.
    pub epochs: u64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Whether the loss is maximized instead of minimized. Weight decay shrinks weights in both cases.
    pub maximize: bool,
    /// Base learning rate, positive.
    pub lr: f64,
    /// The learning rate schedule.
    pub schedule: Schedule,
    /// Weight decay of the weights of convolutions and linear layers, not negative. Parameters of normalisations and biases do not decay.
    pub weight_decay: f64,
    /// Parts of the network with learning rates of their own; all others have the base rate.
    pub parts: Vec<Part>,
    /// Parameters, layers or stages that are frozen, by name. Frozen batch normalisations use and keep their running statistics.
    pub frozen: Vec<String>,
    /// Largest norm of the gradient of an update; longer gradients are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Batches whose gradients are averaged for one update, at least 1.
    pub accumulate: u64,
    /// How the loss is scaled on devices that store tensors in f16.
    pub loss_scaling: LossScaling,
    /// Seed of initial parameters and dropout.
    pub seed: u64,
    /// Which activations the backward pass computes again instead of storing them.
    pub recompute: Recompute,
    /// Number of epochs between validations, at least 1; the last epoch always has one.
    pub validate_every: u64,
    /// The quantity that decides which state is the best.
    pub watch: Watch,
    /// The rule of early stopping for the watched quantity.
    pub early_stopping: Option<EarlyStopping>,
    /// Folder for checkpoints, log and learning curve; `None` to write none of them.
    pub run_folder: Option<PathBuf>,
    /// Whether to continue from the run folder's last checkpoint, if there is one; if only its best is left, from that.
    pub resume: bool,
    /// Whether to resume with other samples than those that the training had. Otherwise they are refused with what has
    /// changed. Targets and names of classes must be the same in both cases. [`split_again`](crate::data::split_again)
    /// keeps what was held out held out.
    pub accept_changed_data: bool,
    /// Number of updates between checkpoints within an epoch, at least 1; every epoch ends with one.
    pub checkpoint_every: Option<u64>,
    /// Number of updates between snapshots, at least 1; `None` for none. A snapshot is a copy of parameters and optimizer in host memory, of the
    /// bytes of a checkpoint. If the device is lost, it is opened again and the training goes on from the last snapshot, or without
    /// one from the run folder's last checkpoint, with the same bits as if nothing had happened. Taking one costs the transfer of
    /// these bytes, and one step is not overlapped with the next. Checkpoints are snapshots, too.
    pub snapshot_every: Option<u64>,
    /// What to do when the device lacks memory, at the beginning or later.
    pub on_oom: OnOom,
    /// The output on the terminal.
    pub show: Show,
}

/// The quantity of a validation that decides which state is the best; without validation data it is always the training loss. In files
/// `"loss"`, `"accuracy"`, `"mean-iou"`, or a metric by name: `{ max = "f1" }`, `{ min = "error" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watch {
    /// The validation loss: the least, or where the loss is [maximized](TrainOptions::maximize) the largest.
    #[default]
    Loss,
    /// Fraction of correct samples or pixels.
    Accuracy,
    /// Mean intersection over union of the classes.
    MeanIou,
    /// The metric of this name; more is better.
    Max(String),
    /// The metric of this name; less is better.
    Min(String),
}

impl Watch {
    /// Whether smaller or larger values are better, in a training that maximizes its loss or minimizes it.
    pub const fn mode(&self, maximize: bool) -> Mode {
        match self {
            Self::Loss if maximize => Mode::Max,
            Self::Loss | Self::Min(_) => Mode::Min,
            Self::Accuracy | Self::MeanIou | Self::Max(_) => Mode::Max,
        }
    }

    /// The metric's name; `None` for the loss.
    pub fn metric(&self) -> Option<&str> {
        match self {
            Self::Loss => None,
            Self::Accuracy => Some("accuracy"),
            Self::MeanIou => Some("mean_iou"),
            Self::Max(name) | Self::Min(name) => Some(name),
        }
    }
}

impl Default for TrainOptions {
    /// Adam at 0.001 without weight decay, one epoch, a snapshot every 100 updates.
    fn default() -> Self {
        Self {
            epochs: 1,
            optimizer: Optimizer::adam(),
            maximize: false,
            lr: 1e-3,
            schedule: Schedule::default(),
            weight_decay: 0.0,
            parts: Vec::new(),
            frozen: Vec::new(),
            clip_norm: None,
            accumulate: 1,
            loss_scaling: LossScaling::default(),
            seed: 0,
            recompute: Recompute::default(),
            validate_every: 1,
            watch: Watch::default(),
            early_stopping: None,
            run_folder: None,
            resume: false,
            accept_changed_data: false,
            checkpoint_every: None,
            snapshot_every: Some(100),
            on_oom: OnOom::default(),
            show: Show::default(),
        }
    }
}

impl TrainOptions {
    /// Checks that all options are within their ranges.
    ///
    /// # Errors
    /// [`OptionError`] for the first one that is not.
    pub fn validate(&self) -> Result<(), OptionError> {
        let number = OptionError::unless;
        let counts = [
            ("epochs", self.epochs),
            ("accumulate", self.accumulate),
            ("validate_every", self.validate_every),
            ("checkpoint_every", self.checkpoint_every.unwrap_or(1)),
            ("snapshot_every", self.snapshot_every.unwrap_or(1)),
        ];
        for (option, count) in counts {
            number(option, count > 0, "at least 1", &count)?;
            number(option, count <= u32::MAX.into(), "at most 4294967295", &count)?;
        }
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let not_negative = |v: f64| v >= 0.0 && v.is_finite();
        number("lr", positive(self.lr), "positive and finite", &self.lr)?;
        number("weight_decay", not_negative(self.weight_decay), "finite and not negative", &self.weight_decay)?;
        for part in &self.parts {
            number("lr of a part", not_negative(part.lr), "finite and not negative", &part.lr)?;
        }
        let norm = self.clip_norm.unwrap_or(1.0);
        number("clip_norm", positive(norm), "positive and finite", &norm)?;
        self.schedule.validate()?;
        self.early_stopping.map_or(Ok(()), |rule| rule.validate())?;
        self.optimizer.validate().map_err(OptionError::Optimizer)?;
        self.loss_scaling.validate().map_err(OptionError::LossScaling)
    }

    /// Checks that the names of all figures differ, and that the watched metric is among them.
    pub(super) fn check_metrics(&self, metrics: &[Box<dyn Metric>], validated: bool) -> Result<(), OptionError> {
        let mut names = vec!["loss".to_owned()];
        for name in metrics.iter().flat_map(|metric| metric.figures()) {
            if names.contains(&name) {
                return Err(OptionError::SameMetric(name));
            }
            names.push(name);
        }
        match &self.watch {
            Watch::Max(name) | Watch::Min(name) if validated && !names.contains(name) => {
                Err(OptionError::Watch { name: name.clone(), has: names.join(", ") })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound() {
        let options = TrainOptions::default();
        options.validate().unwrap();
        assert_eq!(options.show, Show::Nothing, "a library prints nothing that it was not asked for");
    }

    #[test]
    fn senseless_options_are_named() {
        let error = |change: fn(&mut TrainOptions)| {
            let mut options = TrainOptions::default();
            change(&mut options);
            options.validate().unwrap_err().to_string()
        };
        assert_eq!(error(|o| o.epochs = 0), "epochs must be at least 1, got 0");
        assert_eq!(error(|o| o.accumulate = 0), "accumulate must be at least 1, got 0");
        let most = |option: &str| format!("{option} must be at most 4294967295, got {}", u64::MAX);
        assert_eq!(error(|o| o.epochs = u64::MAX), most("epochs"));
        assert_eq!(error(|o| o.accumulate = u64::MAX), most("accumulate"));
        assert_eq!(error(|o| o.checkpoint_every = Some(0)), "checkpoint_every must be at least 1, got 0");
        assert_eq!(error(|o| o.lr = f64::NAN), "lr must be positive and finite, got NaN");
        assert_eq!(error(|o| o.weight_decay = -1.0), "weight_decay must be finite and not negative, got -1");
        assert_eq!(error(|o| o.clip_norm = Some(0.0)), "clip_norm must be positive and finite, got 0");
        let part = |o: &mut TrainOptions| o.parts.push(Part { names: vec!["fc".to_owned()], lr: f64::INFINITY });
        assert!(error(part).contains("lr of a part"));
        assert!(error(|o| o.schedule = Schedule::Poly { steps: 0, power: 0.9 }).contains("schedule \"poly\""));
        assert!(error(|o| o.optimizer = Optimizer::sgd(1.5)).contains("momentum"));
        assert!(
            error(|o| o.loss_scaling.init = 3.0).contains("loss scaling: the first loss scale must be a power of two")
        );
        let stopping = |o: &mut TrainOptions| o.early_stopping = Some(EarlyStopping { patience: 0, min_delta: 0.0 });
        assert!(error(stopping).contains("patience"));
    }
}
