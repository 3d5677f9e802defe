//! A small network that sees colour and place of each pixel, trained on the strokes, then asked about all pixels.

use std::sync::Arc;

use atrous::Device;
use atrous::gpu::{Data, InputData, Parameters, Session, StepOptions, TrainingSession};
use atrous::graph::autodiff::{Recompute, backward};
use atrous::graph::op::{Coordinates, Resize};
use atrous::graph::optim::{Optimizer, Training};
use atrous::graph::{DType, Op, Shape};
use atrous::nn::{Init, Mode, Model};
use atrous::train::loss::{CrossEntropyLoss, cross_entropy};
use atrous::train::{Progress, Schedule, Show};
use atrous::vision::{ClassMap, Filter, Preprocess, RgbImage, resize};

use super::Strokes;
use super::network;
use super::strokes::NONE;
use crate::Failure;

/// How a painting is learnt.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Longer side at which the network sees the photograph, in pixels.
    pub size: u32,
    /// Training steps.
    pub steps: u64,
    /// Seed of the network's first values.
    pub seed: u64,
}

/// A painted photograph.
#[derive(Clone, Debug)]
pub struct Painted {
    /// The class of every pixel.
    pub classes: ClassMap,
    /// The last step's loss.
    pub loss: f32,
}

/// Red, green, blue, row, column.
const CHANNELS: usize = 5;
/// Weight of row and column beside colours, which are about 1 in size.
const PLACE: f32 = 0.5;

/// Trains a network on the strokes and paints the photograph with it.
///
/// # Errors
/// If the device fails or has too little memory.
pub fn learn(device: &Device, photo: &RgbImage, strokes: &Strokes, lesson: Lesson) -> Result<Painted, Failure> {
    let (width, height) = working_size(photo, lesson.size);
    let seen = resize(photo, width, height, Filter::Bilinear)?;
    let pixels = with_places(&seen)?;
    let labels: Vec<u32> = strokes.classes.resize(width, height)?.classes().iter().map(|c| u32::from(*c)).collect();
    let classes = strokes.colours.len();
    let weights = weights(&labels, classes);

    let shape = Shape::new(1, height as usize, width as usize, CHANNELS);
    let model = network::build(classes, shape, Mode::Training)?;
    let drawn = Init::new(&model, lesson.seed);
    let parameters = Arc::new(Parameters::upload(device, &model.graph, &drawn)?);
    let (model, training) = training(model)?;
    let mut session = TrainingSession::new(device, &model.graph, &[], &training, parameters.clone())?;
    let inputs = [
        ("input", InputData::F32(&pixels)),
        ("labels", InputData::U32(&labels)),
        ("weights", InputData::F32(&weights)),
    ];
    let schedule =
        Schedule::OneCycle { steps: lesson.steps, pct_start: 0.3, div_factor: 10.0, final_div_factor: 100.0 };
    let progress = Progress::new(Show::Auto, 1, lesson.steps, 0, 1);
    let mut loss = f32::NAN;
    for step in 0..lesson.steps {
        let options = StepOptions::new(schedule.rate(0.01, step), step + 1);
        if let Some(before) = session.step_blocking(&inputs, options)? {
            loss = before.loss;
            progress.step(1, before.step, f64::from(loss), None);
        }
    }
    if let Some(last) = session.finish_blocking()? {
        loss = last.loss;
    }
    drop(session);

    let (columns, rows) = photo.dimensions();
    let classes = paint(device, classes, shape, parameters, &pixels, [rows, columns])?;
    Ok(Painted { classes, loss })
}

/// The photograph's size, scaled to this longer side.
fn working_size(photo: &RgbImage, longer: u32) -> (u32, u32) {
    let (width, height) = photo.dimensions();
    let scale = f64::from(longer) / f64::from(width.max(height));
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// Colours as ImageNet's networks see them, and two channels more: row and column, from -1 to 1 across the picture.
fn with_places(photo: &RgbImage) -> Result<Vec<f32>, Failure> {
    let tensor = Preprocess::IMAGENET.run(std::slice::from_ref(photo))?;
    let [_, rows, columns, _] = tensor.shape;
    let place = |i: usize, n: usize| PLACE * (2.0 * (i as f32 + 0.5) / n as f32 - 1.0);
    let mut pixels = Vec::with_capacity(rows * columns * CHANNELS);
    for (i, colour) in tensor.data.chunks_exact(3).enumerate() {
        pixels.extend(colour);
        pixels.extend([place(i / columns, rows), place(i % columns, columns)]);
    }
    Ok(pixels)
}

/// Class weights that make every colour count alike, however much of it was drawn.
fn weights(labels: &[u32], classes: usize) -> Vec<f32> {
    let count = |class: usize| labels.iter().filter(|label| **label as usize == class).count().max(1);
    (0..classes).map(|class| 1.0 / count(class) as f32).collect()
}

/// Adds loss and gradients to the network.
fn training(mut model: Model) -> Result<(Model, Training), Failure> {
    let logits = model.output();
    let shape = model.graph.shape(logits);
    let labels = model.graph.input("labels", Shape { c: 1, ..shape }, DType::U32)?;
    let weights = model.graph.input("weights", Shape::channels(shape.c), DType::F32)?;
    let how = CrossEntropyLoss { ignore: Some(NONE.into()), weights: Some(weights), ..CrossEntropyLoss::default() };
    let loss = cross_entropy(&mut model.graph, "loss", logits, labels, &how)?;
    let trained = model.trainable();
    let gradients = backward(&mut model.graph, &[(loss, 1.0)], &trained, &Recompute::default())?;
    let gradients = trained.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let training = Training::new(loss, gradients, Optimizer::adamw())
        .groups(model.parameter_groups(0.01, &[])?)
        .assignments(model.running.iter().map(|r| (r.parameter, r.value)))
        .clip_norm(1.0);
    Ok((model, training))
}

/// Runs the trained network; its logits are scaled to the photograph before the largest is taken.
fn paint(
    device: &Device,
    classes: usize,
    shape: Shape,
    parameters: Arc<Parameters>,
    pixels: &[f32],
    [rows, columns]: [u32; 2],
) -> Result<ClassMap, Failure> {
    let Model { mut graph, outputs, .. } = network::build(classes, shape, Mode::Inference)?;
    let full = Resize::bilinear(rows as usize, columns as usize, Coordinates::HalfPixel);
    let logits = graph.add("full_size", Op::Resize(full), &[outputs[0].node])?;
    let classes = graph.add("classes", Op::ArgMax, &[logits])?;
    let mut session = Session::new(device, &graph, &[classes], parameters)?;
    let outputs = session.run_blocking(&[("input", InputData::F32(pixels))])?;
    let Data::U32(classes) = &outputs[0].data else { return Err("the classes are no classes".into()) };
    Ok(ClassMap::new(columns, rows, classes.iter().map(|class| *class as u8).collect())?)
}
