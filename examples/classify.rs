//! Classifies a photograph: the likeliest classes with their probabilities.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrous::prelude::*;
use atrous::vision::{read_labels, shown};
use atrous_examples::{Failure, NetworkArgs, arguments, finish, say};
use clap::Parser;

/// Classifies a photograph: prints the likeliest classes with their probabilities.
#[derive(Parser)]
#[command(name = "classify")]
struct Args {
    /// Photograph: JPEG, PNG or WebP
    photo: PathBuf,
    /// How many classes to print [default: 5, or all if there are less]
    #[arg(short, value_name = "K")]
    k: Option<usize>,
    /// Text file with the name of class 0 in its first line, and so on
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Network: a classification network of `atrous models`
    #[arg(long, value_name = "NAME", default_value = "resnet50")]
    model: String,
    #[command(flatten)]
    network: NetworkArgs,
}

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let photo = load_rgb8(&args.photo, &ImageLimits::default())?;
    let mut network = args.network.load(&args.model)?;
    let labels = match &args.labels {
        Some(path) => Some(read_labels(path, network.info().classes)?),
        None => None,
    };

    say("Planning and running …\n");
    let start = Instant::now();
    let k = args.k.unwrap_or(network.info().classes.min(5));
    let best = network.classify_blocking(std::slice::from_ref(&photo), k)?;
    let seconds = start.elapsed().as_secs_f64();

    let mut text = format!("{} classified {} in {seconds:.1} s:\n", args.model, shown(&args.photo));
    for prediction in best.iter().flatten() {
        let label = labels.as_ref().map_or("", |labels| &labels[prediction.class]);
        let line = format!("  {:5.1} %  class {:3}  {label}", 100.0 * prediction.probability, prediction.class);
        writeln!(text, "{}", line.trim_end())?;
    }
    if let Some(reference) = args.network.reference(&args.model)? {
        text += &reference.report(&mut network, &photo)?;
    }
    Ok(text)
}
