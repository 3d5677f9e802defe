//! Trains a small network to find discs, squares and triangles and tests it on pictures it has not seen.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use atrous::graph::optim::Optimizer;
use atrous::nn::zoo::{DeepLabXception65, UNet};
use atrous::prelude::*;
use atrous::train::data::Shapes;
use atrous::train::{Show, Watch};
use atrous_examples::{Failure, announce, arguments, finish};
use clap::{Parser, ValueEnum};

/// Trains a small network to tell discs, squares and triangles from what is behind them, pixel by pixel, and tests it on
/// pictures it has not seen.
#[derive(Parser)]
#[command(name = "train_shapes")]
struct Args {
    /// Network to train
    #[arg(long, default_value = "unet")]
    network: Choice,
    /// Passes over the training pictures
    #[arg(long, value_name = "N", default_value_t = 10)]
    epochs: u64,
    /// Training pictures, made on the fly; a quarter as many are tested on
    #[arg(long, value_name = "N", default_value_t = 1024)]
    samples: usize,
    /// Height and width of the pictures, a multiple of 16 [default: 48 for the U-Net, 64 for DeepLabV3+]
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// Seed of the first parameters, the order of the pictures and their random changes
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folder for checkpoints, log and learning curve [default: none are written]
    #[arg(long, value_name = "FOLDER")]
    run_folder: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// U-Net with 16 channels in its first level
    Unet,
    /// DeepLabV3+ with an eighth of Xception-65's channels
    Deeplab,
}

/// Pictures of a step.
const BATCH: usize = 8;
/// Seeds of the pictures to train on and to test on.
const SEEDS: [u64; 2] = [1, 2];

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let device = Device::from_env_blocking()?;
    announce(&device);
    let (name, network, lr, side): (_, Box<dyn Network>, _, _) = match args.network {
        Choice::Unet => ("small_unet", Box::new(UNet::SMALL), 0.006, 48),
        Choice::Deeplab => ("small_deeplab", Box::new(DeepLabXception65::small()), 0.02, 64),
    };
    let size = [args.size.unwrap_or(side); 2];
    let pictures = Shapes::new(args.samples, size, SEEDS[0])?;
    let unseen = Shapes::new(args.samples.div_ceil(4), size, SEEDS[1])?;
    let names = pictures.class_names().to_vec();
    let network = network.with_classes(names.len())?;

    // As a predictor prepares photographs for the network.
    let options = LoaderOptions::new(BATCH, size, Preprocess::new(network.info().normalize));
    let augment = Augment { horizontal_flip: 0.5, ..Augment::NONE };
    let shuffled = LoaderOptions { shuffle: true, seed: args.seed, augment, ..options };
    let train = Loader::new(Arc::new(pictures), shuffled)?;
    let unseen = Loader::new(Arc::new(unseen), options)?;

    let steps = args.epochs.saturating_mul(train.batches() as u64);
    let options = TrainOptions {
        epochs: args.epochs,
        optimizer: Optimizer::adamw(),
        lr,
        schedule: Schedule::OneCycle { steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        weight_decay: 0.01,
        seed: args.seed,
        watch: Watch::MeanIou,
        run_folder: args.run_folder.clone(),
        show: Show::Auto,
        ..TrainOptions::default()
    };
    let start = Instant::now();
    let mut trainer = Trainer::builder(&device, network, train).name(name).validate(unseen).options(options).build()?;
    trainer.fit()?;
    let seconds = start.elapsed().as_secs_f64();

    let figures = trainer.evaluate()?.ok_or("there are no pictures to test on")?;
    let mean = figures.metrics.get("mean_iou").ok_or("there are no pixels to test on")?;
    let mut text = format!("{name}: mean IoU {mean:.4} on unseen pictures, after {steps} steps in {seconds:.0} s.\n");
    for (name, iou) in names.iter().zip(figures.class_iou()) {
        match iou {
            Some(iou) => writeln!(text, "  {name:10}  {iou:.4}")?,
            None => writeln!(text, "  {name:10}  does not occur")?,
        }
    }
    Ok(text)
}
