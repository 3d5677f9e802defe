//! Trains a small network to read handwritten digits and tests it on digits it has not seen.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use atrous::graph::optim::Optimizer;
use atrous::nn::zoo::{SmallResNet, SmallXception};
use atrous::prelude::*;
use atrous::train::data::{digits, split_every};
use atrous::train::{Show, Watch};
use atrous::vision::Normalize;
use atrous_examples::{Failure, announce, arguments, finish};
use clap::{Parser, ValueEnum};

/// Trains a small network on four fifths of the 1,797 digits of UCI, 8×8 pixels each, and tests it on the held-out fifth.
#[derive(Parser)]
#[command(name = "train_digits")]
struct Args {
    /// Network to train
    #[arg(long, default_value = "resnet")]
    network: Choice,
    /// Passes over the training data
    #[arg(long, value_name = "N", default_value_t = 20)]
    epochs: u64,
    /// Seed of the first parameters and of the order of the digits
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for checkpoints, log and learning curve [default: none are written]
    #[arg(long, value_name = "FOLDER")]
    run_folder: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// ResNet of three basic blocks
    Resnet,
    /// Xception of three blocks of separable convolutions
    Xception,
}

const BATCH: usize = 32;
/// Grey values of the digits, about: mean and standard deviation of all pixels.
const GREY: Preprocess = Preprocess::new(Normalize::Green { mean: 0.305, std: 0.376 });

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let device = Device::from_env_blocking()?;
    announce(&device);
    let (name, network): (_, Box<dyn Network>) = match args.network {
        Choice::Resnet => ("small_resnet", Box::new(SmallResNet::default())),
        Choice::Xception => ("small_xception", Box::new(SmallXception::default())),
    };

    let (train, held_out) = split_every(Arc::new(digits()), 5)?;
    let options = LoaderOptions::new(BATCH, [8, 8], GREY);
    // Digits that are a little larger, smaller or turned are the same digits.
    let augment = Augment { rotation: 8.0, scale: (0.9, 1.1), ..Augment::NONE };
    let shuffled = LoaderOptions { shuffle: true, drop_last: true, seed: args.seed, augment, ..options };
    let train = Loader::new(Arc::new(train), shuffled)?;
    let held_out = Loader::new(Arc::new(held_out), options)?;

    let steps = args.epochs.saturating_mul(train.batches() as u64);
    let options = TrainOptions {
        epochs: args.epochs,
        optimizer: Optimizer::adamw(),
        lr: 0.01,
        schedule: Schedule::OneCycle { steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        weight_decay: 0.01,
        seed: args.seed,
        watch: Watch::Accuracy,
        run_folder: args.run_folder.clone(),
        show: Show::Auto,
        ..TrainOptions::default()
    };
    let start = Instant::now();
    let mut trainer =
        Trainer::builder(&device, network, train).name(name).validate(held_out).options(options).build()?;
    trainer.fit()?;
    let seconds = start.elapsed().as_secs_f64();

    let figures = trainer.evaluate()?.ok_or("there are no digits to test on")?;
    let confusion = figures.confusion().ok_or("digits have labels")?;
    let accuracy = confusion.accuracy().ok_or("there are no digits to test on")?;
    let (percent, seen) = (100.0 * accuracy, confusion.total());
    Ok(format!("{name}: {percent:.2} % of {seen} unseen digits read, after {steps} steps in {seconds:.0} s.\n"))
}
