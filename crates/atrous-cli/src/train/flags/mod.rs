//! The flags of `atrous train`. The given ones are serialised to a table with the same keys as the TOML file.

mod data;

use atrous::train::Part;
use atrous_files::excerpt;
use clap::Args;
use serde::Serialize;
use toml::{Table, Value};

use super::path::FilePath;
use crate::values::{size, whole};
use data::{DataFlags, ReadingFlags};

#[derive(Args, Serialize)]
pub(crate) struct Flags {
    /// TOML file with the configuration; flags win over it
    #[serde(skip)]
    pub(super) config: Option<FilePath>,
    /// Network to train; `atrous models` lists the names. The number of classes is that of the data
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Passes over the training data [default: 10]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    epochs: Option<u64>,
    /// Pictures per step [default: 8]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    batch: Option<usize>,
    /// Height and width of the pictures, or one number for both [default: the data's own, else the network's]
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<[usize; 2]>,
    /// Seed of everything random: the same seed gives the same weights on the same adapter [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Adapter to use: part of its name, its index, `software`, or `auto` [default: auto]
    #[arg(long, value_name = "WHICH", env = "ATROUS_ADAPTER")]
    adapter: Option<String>,
    /// Where checkpoints, log, curve and weights go [default: runs/MODEL-DATE-TIME]
    #[arg(long, value_name = "FOLDER")]
    run_folder: Option<FilePath>,
    /// Go on with the training in this run folder; its config.toml is used unless another is given
    #[arg(long, value_name = "FOLDER", conflicts_with = "run_folder")]
    #[serde(skip)]
    pub(super) resume: Option<FilePath>,
    /// With --resume: go on with the data as they are if their pictures have changed
    #[arg(long, requires = "resume")]
    #[serde(skip)]
    pub(super) accept_changed_data: bool,
    /// Write a checkpoint after every N steps, too, not only after every epoch
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    checkpoint_every: Option<u64>,
    /// Steps between copies in memory, from which a training goes on if the device is lost; 0 for none [default: 100]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    snapshot_every: Option<u64>,
    #[command(flatten)]
    data: DataFlags,
    #[command(flatten)]
    #[serde(flatten)]
    reading: ReadingFlags,
    #[command(flatten)]
    pub(super) loss: LossFlags,
    #[command(flatten)]
    optimizer: OptimizerFlags,
    #[command(flatten)]
    #[serde(flatten)]
    update: UpdateFlags,
    #[command(flatten)]
    schedule: ScheduleFlags,
    /// Begin with N steps in which the learning rate rises from 0; the schedule follows
    #[arg(long, value_name = "N")]
    #[serde(skip)]
    pub(super) warmup: Option<u32>,
    #[command(flatten)]
    augment: AugmentFlags,
    #[command(flatten)]
    #[serde(flatten)]
    tuning: TuningFlags,
    #[command(flatten)]
    #[serde(flatten)]
    memory: MemoryFlags,
    #[command(flatten)]
    #[serde(flatten)]
    judging: JudgingFlags,
    #[command(flatten)]
    early_stopping: StoppingFlags,
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Loss")]
pub(super) struct LossFlags {
    /// cross-entropy, weighted-cross-entropy, binary-cross-entropy, focal, dice, jaccard, or a sum such as
    /// cross-entropy+0.5*dice [default: cross-entropy]
    #[arg(long = "loss", value_name = "LOSS", value_parser = loss)]
    #[serde(rename = "type")]
    loss: Option<String>,
    /// Share of the target that goes to all classes alike, 0 to 1 (cross-entropies) [default: 0]
    #[arg(long, value_name = "SHARE")]
    smoothing: Option<f64>,
    /// A weight per class (weighted-cross-entropy), with commas
    #[arg(long, value_name = "W,W,…", value_delimiter = ',')]
    #[serde(rename = "weights")]
    class_weights: Option<Vec<f64>>,
    /// How much less the easy pixels count (focal) [default: 2]
    #[arg(long, value_name = "GAMMA")]
    #[serde(rename = "gamma")]
    focal_gamma: Option<f64>,
    /// Added to numerator and denominator (dice, jaccard) [default: 0]
    #[arg(long, value_name = "S")]
    smooth: Option<f64>,
}

impl LossFlags {
    /// The table of a weighted sum of losses, if the flag gives one.
    pub(super) fn sum(&self) -> Option<Table> {
        let text = self.loss.as_deref().filter(|text| text.contains(['+', '*']))?;
        let part = |(weight, name): (f64, &str)| {
            let loss = Table::from_iter([("type".to_owned(), Value::from(name))]);
            let part = [("weight".to_owned(), Value::Float(weight)), ("loss".to_owned(), loss.into())];
            Value::Table(part.into_iter().collect())
        };
        let parts: Vec<Value> = terms(text).ok()?.into_iter().map(part).collect();
        Some(Table::from_iter([("type".to_owned(), "sum".into()), ("parts".to_owned(), parts.into())]))
    }
}

const LOSSES: [&str; 6] =
    ["cross-entropy", "weighted-cross-entropy", "binary-cross-entropy", "focal", "dice", "jaccard"];

/// Parses the name of a loss, such as `dice`, or a weighted sum, such as `cross-entropy+0.5*dice`.
fn loss(text: &str) -> Result<String, String> {
    terms(text).map(|_| text.to_owned())
}

/// The weights and names of a weighted sum.
fn terms(text: &str) -> Result<Vec<(f64, &str)>, String> {
    let term = |term: &'_ str| -> Option<usize> { LOSSES.iter().position(|known| *known == term.trim()) };
    let parse = |part: &str| {
        let (weight, name) = part.split_once('*').unwrap_or(("1", part));
        let weight =
            weight.trim().parse().map_err(|_| format!("\"{}\" in front of * is no number", excerpt(weight)))?;
        let known = term(name).ok_or_else(|| format!("\"{}\" is none of {}", excerpt(name), LOSSES.join(", ")))?;
        Ok((weight, LOSSES[known]))
    };
    text.split('+').map(parse).collect()
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Optimizer")]
struct OptimizerFlags {
    /// Update rule [default: adam]
    #[arg(long = "optimizer", value_name = "RULE", value_parser = ["sgd", "rmsprop", "adam", "adamw", "nadam", "adagrad"])]
    #[serde(rename = "type")]
    optimizer: Option<String>,
    /// Learning rate [default: 0.001 (adam, adamw), 0.002 (nadam), 0.01 (sgd, rmsprop, adagrad)]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Weight decay; norms and biases do not decay [default: 0.01 (adamw), 0 (others)]
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Momentum (sgd, rmsprop) [default: 0]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// Dampening of the gradient (sgd) [default: 0]
    #[arg(long, value_name = "D")]
    dampening: Option<f64>,
    /// Nesterov's momentum (sgd)
    #[arg(long, num_args = 0, default_missing_value = "true")]
    nesterov: Option<bool>,
    /// Share of the mean square that stays (rmsprop) [default: 0.99]
    #[arg(long, value_name = "A")]
    alpha: Option<f64>,
    /// Use the variance instead of the mean square (rmsprop)
    #[arg(long, num_args = 0, default_missing_value = "true")]
    centered: Option<bool>,
    /// Share of the mean gradient that stays (adam, adamw, nadam) [default: 0.9]
    #[arg(long, value_name = "B")]
    beta1: Option<f64>,
    /// Share of the mean square that stays (adam, adamw, nadam) [default: 0.999]
    #[arg(long, value_name = "B")]
    beta2: Option<f64>,
    /// Divide by the largest mean square so far (adam, adamw)
    #[arg(long, num_args = 0, default_missing_value = "true")]
    amsgrad: Option<bool>,
    /// How fast the momentum rises (nadam); Keras' is 1 [default: 0.004]
    #[arg(long, value_name = "D")]
    momentum_decay: Option<f64>,
    /// Take the weight decay off the weights instead of adding it to the gradient (nadam); Keras does
    #[arg(long, num_args = 0, default_missing_value = "true")]
    decoupled_weight_decay: Option<bool>,
    /// Decay of the learning rate by its own rule (adagrad) [default: 0]
    #[arg(long, value_name = "D")]
    lr_decay: Option<f64>,
    /// Where the sum of squares begins (adagrad); Keras' is 0.1 [default: 0]
    #[arg(long, value_name = "S")]
    initial_accumulator: Option<f64>,
    /// Keeps divisions finite (all but sgd) [default: 1e-8, adagrad 1e-10]
    #[arg(long, value_name = "E")]
    eps: Option<f64>,
    /// Whose formula, where PyTorch and Keras differ (all but nadam) [default: torch]
    #[arg(long, value_parser = ["torch", "keras"])]
    rule: Option<String>,
}

#[derive(Args, Serialize)]
struct UpdateFlags {
    /// Maximize the loss instead of minimizing it
    #[arg(long, num_args = 0, default_missing_value = "true")]
    maximize: Option<bool>,
    /// Longest gradient of an update; longer ones are shortened to it
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f64>,
    /// Batches whose gradients are averaged for one update [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    accumulate: Option<u64>,
    /// Another learning rate for a part of the network, such as backbone=0.1; can be repeated
    #[arg(long = "part", value_name = "NAME=FACTOR", value_parser = part)]
    parts: Option<Vec<Part>>,
}

fn part(text: &str) -> Result<Part, String> {
    let (name, factor) = text.rsplit_once('=').ok_or("expected NAME=FACTOR, such as backbone=0.1")?;
    let lr = factor.parse().map_err(|_| format!("the factor \"{}\" is no number", excerpt(factor)))?;
    Ok(Part { names: vec![name.to_owned()], lr })
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Learning rate schedule")]
struct ScheduleFlags {
    /// How the learning rate changes from step to step [default: constant]
    #[arg(long = "schedule", value_name = "KIND",
          value_parser = ["constant", "step", "multi-step", "exponential", "cosine", "poly", "one-cycle"])]
    #[serde(rename = "type")]
    schedule: Option<String>,
    /// Steps until the end of the schedule (cosine, poly, one-cycle) [default: those of the whole training]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    steps: Option<u64>,
    /// Steps between two changes (step)
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    step_size: Option<u64>,
    /// Steps at which the rate changes (multi-step), with commas
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = whole::<u64>)]
    milestones: Option<Vec<u64>>,
    /// Factor of each change (step, multi-step, exponential)
    #[arg(long, value_name = "FACTOR")]
    gamma: Option<f64>,
    /// Lowest rate (cosine) [default: 0]
    #[arg(long, value_name = "RATE")]
    #[serde(rename = "min")]
    min_lr: Option<f64>,
    /// Exponent (poly) [default: 0.9]
    #[arg(long, value_name = "P")]
    power: Option<f64>,
    /// Fraction of the steps in which the rate rises (one-cycle) [default: 0.3]
    #[arg(long, value_name = "FRACTION")]
    pct_start: Option<f64>,
    /// Learning rate over the first rate (one-cycle) [default: 25]
    #[arg(long, value_name = "F")]
    div_factor: Option<f64>,
    /// First rate over the last rate (one-cycle) [default: 10000]
    #[arg(long, value_name = "F")]
    final_div_factor: Option<f64>,
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Augmentation")]
struct AugmentFlags {
    /// Probability of mirroring left and right [default: 0]
    #[arg(long, value_name = "P")]
    horizontal_flip: Option<f64>,
    /// Probability of mirroring top and bottom [default: 0]
    #[arg(long, value_name = "P")]
    vertical_flip: Option<f64>,
    /// Smallest and largest factor on the size, such as 0.5,2 [default: 1,1]
    #[arg(long, value_name = "MIN,MAX", value_parser = range)]
    scale: Option<[f64; 2]>,
    /// Largest angle in degrees, either way [default: 0]
    #[arg(long, value_name = "DEGREES")]
    rotation: Option<f64>,
    /// Which part of a larger picture is seen [default: center]
    #[arg(long, value_parser = ["center", "random"])]
    crop: Option<String>,
    /// Pixels added on every side before a random crop [default: 0]
    #[arg(long, value_name = "PIXELS")]
    padding: Option<u32>,
    /// Brightness changes by a factor within 1 ± this [default: 0]
    #[arg(long, value_name = "B")]
    brightness: Option<f64>,
    /// Contrast changes by a factor within 1 ± this [default: 0]
    #[arg(long, value_name = "C")]
    contrast: Option<f64>,
}

/// Parses two numbers with a comma between them, such as `0.5,2`.
fn range(text: &str) -> Result<[f64; 2], String> {
    let (min, max) = text.split_once(',').unwrap_or((text, ""));
    match (min.trim().parse(), max.trim().parse()) {
        (Ok(min), Ok(max)) => Ok([min, max]),
        _ => Err("expected MIN,MAX, such as 0.5,2".to_owned()),
    }
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Fine-tuning")]
struct TuningFlags {
    /// Safetensors file to begin with; what it lacks or has in another shape is drawn anew
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    weights: Option<FilePath>,
    /// What the network's names have in front of the file's, such as `encoder.` for a backbone [default: nothing]
    #[arg(long, value_name = "PREFIX")]
    weights_prefix: Option<String>,
    /// Take values of the weights file that are NaN or infinite as they are
    #[arg(long, num_args = 0, default_missing_value = "true")]
    allow_non_finite: Option<bool>,
    /// Layers or stages that stay as they are; `atrous summary MODEL` lists the names
    #[arg(long, value_name = "NAME", num_args = 1..)]
    freeze: Option<Vec<String>>,
    /// Freeze everything that comes before this layer or stage
    #[arg(long, value_name = "NAME")]
    unfreeze_from: Option<String>,
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Memory")]
struct MemoryFlags {
    /// What is computed again instead of stored: nothing, cheap, or segments=N [default: cheap]
    #[arg(long, value_name = "WHAT")]
    recompute: Option<String>,
    /// How activations and their gradients are stored; the loss is scaled in f16 [default: ATROUS_PRECISION, else f32]
    #[arg(long, value_parser = ["f32", "f16"])]
    precision: Option<String>,
    /// Most device memory to use, such as 2GiB or 800MiB [default: no limit]
    #[arg(long, value_name = "SIZE")]
    memory_budget: Option<String>,
    /// What to do without enough device memory: fail, or adapt, which computes more again and batches in parts [default: fail]
    #[arg(long, value_parser = ["fail", "adapt"])]
    on_oom: Option<String>,
}

#[derive(Args, Serialize)]
#[command(next_help_heading = "Validation")]
struct JudgingFlags {
    /// Epochs from one validation to the next [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    validate_every: Option<u64>,
    /// What decides which state is the best [default: loss]
    #[arg(long, value_parser = ["loss", "accuracy", "mean-iou"])]
    watch: Option<String>,
    /// Guesses that a picture has in the metric top_k [default: 5]
    #[arg(long, value_name = "K", value_parser = whole::<usize>)]
    top_k: Option<usize>,
    /// Factor of the loss of auxiliary outputs [default: 0.4]
    #[arg(long, value_name = "FACTOR")]
    aux_weight: Option<f64>,
}

#[derive(Args, Serialize)]
struct StoppingFlags {
    /// Stop after so many validations without improvement [default: never]
    #[arg(long, value_name = "N")]
    patience: Option<u32>,
    /// Least change that counts as an improvement [default: 0]
    #[arg(long, value_name = "CHANGE")]
    min_delta: Option<f64>,
}
