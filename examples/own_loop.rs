//! A training loop of one's own: a network, an objective and the loop that brings them together, in one file.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use atrous::graph::optim::Optimizer;
use atrous::graph::{GraphError, NodeId, Shape};
use atrous::nn::layers::{Conv, Norm};
use atrous::nn::{Builder, Built, Info, Mode};
use atrous::prelude::*;
use atrous::train::data::{LABELS, digits};
use atrous::train::loss::{self, Reduction};
use atrous::train::objective::{LossContext, ObjectiveError};
use atrous_examples::{Failure, arguments, finish};
use clap::Parser;

/// Trains a small network on handwritten digits by a loop and for an objective of its own.
#[derive(Parser)]
#[command(name = "own_loop")]
struct Args {
    /// Passes over the digits
    #[arg(long, value_name = "N", default_value_t = 3)]
    epochs: u64,
}

const BATCH: usize = 32;

/// Two convolutions and a classifier.
struct Digits;

impl Network for Digits {
    fn info(&self) -> Info {
        Info { size: [8, 8], ..Info::classification(10) }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let mut y = image;
        for (name, channels) in [("conv1", 16), ("conv2", 32)] {
            y = b.conv2d(name, y, Conv::new(channels, 3).padding(1))?;
            y = b.batch_norm(&format!("{name}.bn"), y, Norm::TORCH)?;
            y = b.relu(&format!("{name}.relu"), y)?;
        }
        let pooled = b.global_avg_pool("pool", y)?;
        Ok(b.linear("fc", pooled, 10, true)?.into())
    }
}

/// Focal loss and a share of plain cross-entropy.
fn objective(cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
    let (logits, labels, ignored) = (cx.output(), cx.labels(LABELS)?, Some(cx.ignore_label()));
    let focal = loss::focal(cx.graph, "focal", [logits, labels], 2.0, ignored, Reduction::Mean)?;
    let entropy = loss::cross_entropy(cx.graph, "entropy", logits, labels, &loss::CrossEntropyLoss::default())?;
    Ok(loss::weighted_sum(cx.graph, "loss", &[(focal, 0.7), (entropy, 0.3)])?)
}

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let device = Device::from_env_blocking()?;
    let options = LoaderOptions { shuffle: true, drop_last: true, ..LoaderOptions::new(BATCH, [8, 8], Preprocess::TF) };
    let data = Loader::new(Arc::new(digits()), options)?;

    let model = Digits.build("digits", Shape::new(BATCH, 8, 8, 3), Mode::Training)?;
    let step = model.training(objective).optimizer(Optimizer::adamw()).weight_decay(0.01).clip_norm(1.0);
    let mut session = step.session(&device)?;
    let mut text = String::new();
    for epoch in 0..args.epochs {
        let (mut sum, mut steps) = (0.0, 0);
        for batch in data.epoch(epoch, 0) {
            // The result of the step before comes back while the device works on this one.
            if let Some(before) = session.batch_blocking(&batch?, 0.01)? {
                sum += before.loss;
                steps += 1;
            }
        }
        sum += session.finish_blocking()?.map_or(0.0, |last| last.loss);
        writeln!(text, "epoch {}: mean loss {:.4}", epoch + 1, sum / (steps + 1) as f32)?;
    }
    Ok(text)
}
