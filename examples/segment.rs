//! Segments a photograph: a class for every pixel, as a palette PNG and laid over the photograph.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrous::prelude::*;
use atrous::vision::{overlay, shown, voc_palette, write_palette_png};
use atrous_examples::{Failure, NetworkArgs, arguments, check_outputs, finish, say};
use clap::Parser;

/// Segments a photograph: writes the class of every pixel as a palette PNG, and the photograph with the classes over it.
#[derive(Parser)]
#[command(name = "segment")]
struct Args {
    /// Photograph: JPEG, PNG or WebP
    photo: PathBuf,
    /// Where the class map goes, a PNG whose pixel values are the classes
    #[arg(short, long, value_name = "FILE", default_value = "mask.png")]
    output: PathBuf,
    /// Where the photograph with the classes over it goes [default: the output with .overlay.png at the end]
    #[arg(long, value_name = "FILE")]
    overlay: Option<PathBuf>,
    /// Network: a segmentation network of `atrous models`
    #[arg(long, value_name = "NAME", default_value = "smp_deeplabv3plus_resnet50")]
    model: String,
    #[command(flatten)]
    network: NetworkArgs,
}

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let overlay_path = args.overlay.clone().unwrap_or_else(|| args.output.with_extension("overlay.png"));
    let read = [Some(&args.photo), args.network.weights.as_ref()].into_iter().flatten();
    check_outputs(&[&args.output, &overlay_path], &read.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let photo = load_rgb8(&args.photo, &ImageLimits::default())?;
    let mut network = args.network.load(&args.model)?;

    say("Planning and running …\n");
    let start = Instant::now();
    let classes = network.segment_blocking(&photo)?;
    let seconds = start.elapsed().as_secs_f64();
    write_palette_png(&args.output, &classes, &voc_palette())?;
    write_png(&overlay_path, &overlay(&photo, &classes, &voc_palette(), 0.5)?)?;

    let mut text = format!("{} segmented {} in {seconds:.1} s:\n", args.model, shown(&args.photo));
    let pixels = f64::from(photo.width()) * f64::from(photo.height());
    let counts = classes.pixel_counts();
    let mut found: Vec<usize> = (0..counts.len()).filter(|class| counts[*class] > 0).collect();
    found.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    for class in found {
        writeln!(text, "  class {class:3}  {:5.1} % of the pixels", 100.0 * counts[class] as f64 / pixels)?;
    }
    writeln!(text, "Wrote {} and {}.", shown(&args.output), shown(&overlay_path))?;
    if let Some(reference) = args.network.reference(&args.model)? {
        text += &reference.report(&mut network, &photo)?;
    }
    Ok(text)
}
