//! Paints a photograph by a few coloured strokes: a small network learns from the pixels under the strokes alone.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use atrous::prelude::*;
use atrous::vision::{overlay, shown, write_palette_png};
use atrous_examples::painting::{Lesson, Strokes, learn};
use atrous_examples::{Failure, announce, arguments, check_outputs, finish, say};
use clap::Parser;

/// Paints a whole photograph by a few coloured strokes.
///
/// The strokes are a picture of the photograph's size: transparent, or of one background colour, with strokes in one colour for
/// each thing to be told apart. A small network is trained on the pixels under the strokes and then decides for all others.
#[derive(Parser)]
#[command(name = "scribble")]
struct Args {
    /// Photograph: JPEG, PNG or WebP
    photo: PathBuf,
    /// Strokes: a PNG of the photograph's size
    strokes: PathBuf,
    /// Where the painted photograph goes; the classes go beside it, with .classes.png at the end
    #[arg(short, long, value_name = "FILE", default_value = "painted.png")]
    output: PathBuf,
    /// Longer side at which the network sees the photograph
    #[arg(long, value_name = "PIXELS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=2048))]
    size: u32,
    /// Training steps
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Seed of the network's first values
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Adapter to use: part of its name, its index, `software`, or `auto`
    #[arg(long, value_name = "WHICH", env = "ATROUS_ADAPTER", default_value = "auto")]
    adapter: String,
}

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let classes_path = args.output.with_extension("classes.png");
    check_outputs(&[&args.output, &classes_path], &[&args.photo, &args.strokes])?;
    let photo = load_rgb8(&args.photo, &ImageLimits::default())?;
    let strokes = Strokes::read(&args.strokes, photo.dimensions())?;
    let device = Device::open_blocking(&AdapterChoice::parse(&args.adapter), DeviceOptions::from_env()?)?;
    announce(&device);
    say(&format!("Learning {} colours from {} pixels …\n", strokes.colours.len(), strokes.drawn()));

    let start = Instant::now();
    let lesson = Lesson { size: args.size, steps: args.steps, seed: args.seed };
    let painted = learn(&device, &photo, &strokes, lesson)?;
    let seconds = start.elapsed().as_secs_f64();
    write_palette_png(&classes_path, &painted.classes, &strokes.palette())?;
    write_png(&args.output, &overlay(&photo, &painted.classes, &strokes.palette(), 0.5)?)?;

    let right = 100.0 * strokes.agreement(&painted.classes);
    let mut text =
        format!("{} steps took {seconds:.1} s; {right:.1} % of the strokes keep their colour:\n", args.steps);
    let pixels = f64::from(photo.width()) * f64::from(photo.height());
    for (class, count) in painted.classes.pixel_counts().into_iter().take(strokes.colours.len()).enumerate() {
        let [r, g, b] = strokes.colours[class];
        text += &format!("  #{r:02x}{g:02x}{b:02x}  {:5.1} % of the pixels\n", 100.0 * count as f64 / pixels);
    }
    text += &format!("Wrote {} and {}.\n", shown(&args.output), shown(&classes_path));
    Ok(text)
}
