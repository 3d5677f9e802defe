//! A network of one's own goes all the way: trained, stopped, resumed, and asked by a predictor from the run folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use atrous::prelude::*;
use atrous::train::checkpoint::Checkpoint;
use atrous::train::data::{Shapes, Target};
use atrous::train::log::Record;
use atrous::train::metrics::Confusion;
use atrous::train::{Outcome, Reason, Show, Watch};
use atrous_tests::device;

use crate::support::{Folder, ROOT};

#[allow(dead_code, unreachable_pub, reason = "it is a program whose main function is not called here")]
#[path = "../../examples/own_network.rs"]
mod program;

use program::SeUnet;

const SIZE: [usize; 2] = [32, 32];
const NETWORK: SeUnet = SeUnet { classes: 4, width: 8, depth: 2 };

fn shapes(samples: usize) -> Shapes {
    Shapes::new(samples, SIZE, 1).expect("shapes")
}

/// Twenty-four epochs of two steps, in their own order and with random changes; the last is validated.
fn trainer(device: &Device, folder: &Path) -> Trainer {
    let options = LoaderOptions::new(4, SIZE, Preprocess::new(NETWORK.info().normalize));
    let augment = Augment { horizontal_flip: 0.5, ..Augment::NONE };
    let shuffled = LoaderOptions { shuffle: true, seed: 5, augment, ..options };
    let train = Loader::new(Arc::new(shapes(8)), shuffled).expect("a loader");
    let as_they_are = Loader::new(Arc::new(shapes(6)), options).expect("a loader");
    let options = TrainOptions {
        epochs: 24,
        lr: 0.02,
        schedule: Schedule::Cosine { steps: 48, min: 0.0 },
        watch: Watch::MeanIou,
        validate_every: 24,
        run_folder: Some(folder.to_owned()),
        resume: true,
        show: Show::Nothing,
        ..TrainOptions::default()
    };
    let training = Trainer::builder(device, NETWORK, train).validate(as_they_are).options(options);
    training.build().unwrap_or_else(|e| panic!("{e}"))
}

/// Trains until this step is known, or to the end.
fn fit(trainer: &mut Trainer, stop: Option<u64>) -> Outcome {
    let watch = |record: &Record| match record {
        Record::Step(step) if Some(step.step) == stop => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    trainer.fit_with(watch).unwrap_or_else(|e| panic!("{e}"))
}

/// All that a checkpoint holds, values by their bits.
fn bits(checkpoint: &Path) -> Vec<(String, Vec<u32>)> {
    let checkpoint = Checkpoint::load(checkpoint).unwrap_or_else(|e| panic!("{e}"));
    let tensors = checkpoint.parameters.into_iter().chain(checkpoint.optimizer);
    tensors.map(|t| (t.name, t.values.into_iter().map(f32::to_bits).collect())).collect()
}

#[test]
fn it_is_resumed_bit_by_bit_and_a_predictor_answers_as_it_was_validated() {
    let (device, folder) = (device(), Folder::new("own-network"));
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path(name));
    let outcome = fit(&mut trainer(&device, whole.as_ref()), None);
    assert_eq!((outcome.reason, outcome.steps), (Reason::Finished, 48));
    // Background everywhere has 0.2.
    assert!(outcome.best > Some(0.3), "{outcome:?}");
    for stop in [3, 20] {
        assert_eq!(fit(&mut trainer(&device, parts.as_ref()), Some(stop)).reason, Reason::Interrupted);
    }
    let mut trainer = trainer(&device, parts.as_ref());
    assert!((20..23).contains(&trainer.state().step));
    let resumed = fit(&mut trainer, None);
    assert_eq!((resumed.reason, resumed.steps, resumed.best), (outcome.reason, outcome.steps, outcome.best));
    for file in ["last.checkpoint", "best.checkpoint"] {
        let [whole, parts] = [&whole, &parts].map(|folder| bits(&Path::new(folder).join(file)));
        assert!(whole.len() > 30 && whole == parts, "{file}");
    }

    let figures = trainer.evaluate().expect("a validation").expect("validation data");
    assert_eq!(figures.watched(&Watch::MeanIou), outcome.best);
    drop(trainer);
    let weights = Weights::Run(parts.into());
    let mut predictor = Predictor::new(&device, NETWORK, &weights, PredictorOptions::default()).expect("a predictor");
    let (shapes, mut confusion) = (shapes(6), Confusion::new(NETWORK.classes));
    for i in 0..shapes.len() {
        let sample = shapes.get(i).expect("a picture");
        let Target::Mask(mask) = &sample.targets[0] else { panic!("shapes have masks") };
        let map = predictor.segment_blocking(&sample.image.clone().into_rgb()).expect("a class map");
        let [truth, found] = [mask, &map].map(|map| map.classes().iter().map(|c| u32::from(*c)).collect::<Vec<_>>());
        confusion.add(&truth, &found, None).expect("classes of the network");
    }
    assert_eq!(Some(confusion), figures.confusion());
}

#[test]
fn it_takes_no_more_than_forty_lines() {
    let program = std::fs::read_to_string(format!("{ROOT}/examples/own_network.rs")).expect("the file is there");
    let network = program.split("\nfn main()").next().and_then(|text| text.split_once("pub struct SeUnet"));
    let (_, network) = network.expect("a network and a program");
    let code = network.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"));
    assert!(code.count() <= 40);
}
