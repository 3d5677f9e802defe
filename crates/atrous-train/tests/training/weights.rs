//! A training begins with weights from anywhere.

use std::collections::BTreeMap;
use std::path::Path;

use atrous_gpu::Device;
use atrous_graph::Shape;
use atrous_io::{WeightFile, Weights, save_parameters};
use atrous_nn::{Init, Mode, Model, Network};
use atrous_train::{Loss, Train, TrainError, TrainOptions, Trainer};

use crate::common::{Tiny, device, of_pixels, options, pixels};

/// What a trainer has before its first step.
fn first(device: &Device, weights: &Weights) -> Result<BTreeMap<String, Vec<f32>>, TrainError> {
    Ok(parameters(&of_pixels(device, options(None)).weights(weights).build()?))
}

fn parameters(trainer: &Trainer) -> BTreeMap<String, Vec<f32>> {
    let tensors = trainer.checkpoint().unwrap().parameters;
    tensors.into_iter().map(|tensor| (tensor.name, tensor.values)).collect()
}

fn model(network: Tiny) -> Model {
    network.build("tiny", Shape::new(4, 16, 16, 3), Mode::Training).unwrap()
}

/// A file with what seed 9 draws for the network.
fn saved(network: Tiny, folder: &Path) -> Weights {
    let (file, model) = (folder.join("tiny.safetensors"), model(network));
    save_parameters(&file, &model, &Init::new(&model, 9)).unwrap();
    Weights::File(file)
}

#[test]
fn files_seeds_sources_and_run_folders_give_the_first_parameters() {
    let (device, top) = (device(), tempfile::tempdir().unwrap());
    let file = saved(Tiny::PIXELS, top.path());
    let drawn = first(&device, &Weights::Init(9)).unwrap();
    assert_eq!(drawn["stem.weight"], Init::new(&model(Tiny::PIXELS), 9).values("stem.weight").unwrap());
    assert_eq!(first(&device, &file).unwrap(), drawn);
    assert_eq!(first(&device, &Weights::source(Init::new(&model(Tiny::PIXELS), 9))).unwrap(), drawn);
    assert_ne!(parameters(&pixels(&device, options(None)).unwrap()), drawn, "the options' seed is 3");

    let run = top.path().join("run");
    let mut trainer = pixels(&device, TrainOptions { epochs: 1, ..options(Some(&run)) }).unwrap();
    trainer.fit().unwrap();
    let trained = parameters(&trainer);
    drop(trainer);
    assert_eq!(first(&device, &Weights::Run(run.clone())).unwrap(), trained);
    // What goes on has all in its checkpoint.
    let training = of_pixels(&device, TrainOptions { resume: true, ..options(Some(&run)) });
    let trainer = training.weights(&Weights::from("none.safetensors")).build().unwrap();
    assert_eq!(parameters(&trainer), trained);
}

#[test]
fn a_head_for_other_classes_is_drawn_and_the_rest_is_loaded() {
    let (device, top) = (device(), tempfile::tempdir().unwrap());
    let seven = saved(Tiny { classes: 7, ..Tiny::PIXELS }, top.path());
    let got = first(&device, &seven.clone().partial("", 5)).unwrap();
    let [loaded, drawn] = [9, 5].map(|seed| first(&device, &Weights::Init(seed)).unwrap());
    for (name, values) in &got {
        let want = if name.starts_with("head.") { &drawn } else { &loaded };
        assert_eq!(values, &want[name], "{name}");
    }
    let error = first(&device, &seven).unwrap_err().to_string();
    let text = "tiny.safetensors: the weights do not fit tiny, which has 4 classes, they are of 7 (take ";
    assert!(error.contains(text), "{error}");
    assert!(error.contains("shape: head.weight needs [4, 8, 1, 1], got [7, 8, 1, 1]"), "{error}");
}

#[test]
fn weights_that_cannot_be_used_are_refused() {
    let (device, top) = (device(), tempfile::tempdir().unwrap());
    let error = |weights: Weights| first(&device, &weights).unwrap_err().to_string();
    assert!(error(Weights::from("none.safetensors")).starts_with("cannot read none.safetensors"));
    let file = saved(Tiny::PIXELS, top.path());
    let text = error(file.clone().partial("encoder.", 0));
    assert!(text.contains("tiny.safetensors: no weight under \"encoder.\" fits tiny"), "{text}");
    assert_eq!(
        error(Weights::Init(3).partial("", 0)),
        "Init(3) are no tensors of which some could be taken: take a file, bytes, tensors or a run folder"
    );
    let text = error(Weights::Run(top.path().join("nowhere")));
    assert!(text.ends_with("nowhere: there is no such folder"), "{text}");
    let Weights::File(path) = file else { unreachable!("it was saved") };
    let part =
        WeightFile::open(path).unwrap().bind_partial(&model(Tiny::PIXELS), "", Init::new(&model(Tiny::PIXELS), 0));
    drop(top);
    // What was bound goes on when the file is gone.
    first(&device, &Weights::source(part.unwrap())).unwrap();
}

#[test]
fn loops_take_them_as_well() {
    let (device, top) = (device(), tempfile::tempdir().unwrap());
    let file = saved(Tiny::PIXELS, top.path());
    let step = || model(Tiny::PIXELS).training(Loss::default());
    let [from_file, drawn] = [step().session_from(&device, &file), step().seed(9).session(&device)];
    let parameters = [from_file, drawn].map(|s| s.unwrap().parameters().download_blocking().unwrap());
    assert!(parameters[0] == parameters[1]);
    let other = saved(Tiny { width: 6, ..Tiny::PIXELS }, top.path());
    let error = step().session_from(&device, &other).unwrap_err().to_string();
    assert!(error.contains("stem.weight needs [8, 3, 3, 3], got [6, 3, 3, 3]"), "{error}");
}
