//! What a training writes, and when it ends.

use std::sync::Arc;

use atrous_gpu::{Parameters, Session};
use atrous_io::WeightFile;
use atrous_nn::{Mode, Network};
use atrous_train::{
    EarlyStopping, Part, Reason, TrainOptions, Trainer, Watch,
    checkpoint::Checkpoint,
    log::{Record, read_log},
};
use atrous_vision::{Limits, load_rgb8};

use crate::common::{Tiny, device, few_digits, options, pixels, shapes};

#[test]
fn a_training_learns_and_writes_its_files() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut trainer = pixels(&device, TrainOptions { epochs: 8, ..options(Some(path)) }).unwrap();
    let outcome = trainer.fit().unwrap();
    assert_eq!((outcome.reason, outcome.epochs, outcome.steps), (Reason::Finished, 8, 24));

    let records = read_log(path.join("log.jsonl")).unwrap();
    let losses: Vec<f64> = records.iter().filter(|r| matches!(r, Record::Step(_))).map(loss).collect();
    assert_eq!((losses.len(), records.len()), (24, 32));
    assert!(losses[21..].iter().sum::<f64>() < 0.9 * losses[..3].iter().sum::<f64>(), "{losses:?}");
    let Some(Record::Epoch(last)) = records.last() else { panic!("an epoch ends the log") };
    assert_eq!(Some(last), outcome.last.as_ref());
    assert_eq!(last.metrics.keys().collect::<Vec<_>>(), ["accuracy", "mean_class_accuracy", "mean_iou"]);
    assert_eq!(last.class_iou.len(), 4);
    let best = records.iter().filter_map(|r| match r {
        Record::Epoch(r) => r.val_loss,
        _ => None,
    });
    assert_eq!(outcome.best, best.min_by(f64::total_cmp));

    assert_eq!(load_rgb8(path.join("curve.png"), &Limits::default()).unwrap().dimensions(), (960, 720));
    assert_eq!(Checkpoint::load(path.join("last.checkpoint")).unwrap(), trainer.checkpoint().unwrap());

    // The best weights are those of the best checkpoint, and load like any others.
    let best = Checkpoint::load(path.join("best.checkpoint")).unwrap();
    let model = Tiny::PIXELS.build("tiny", trainer.model().input_shape(), Mode::Inference).unwrap();
    let file = WeightFile::open(path.join("best.safetensors")).unwrap();
    for tensor in &best.parameters {
        assert_eq!(file.tensor(&tensor.name).unwrap().to_f32().unwrap(), tensor.values, "{}", tensor.name);
    }
    let parameters = Parameters::upload(&device, &model.graph, &file.bind(&model).unwrap()).unwrap();
    let mut session = Session::new(&device, &model.graph, &[model.output()], Arc::new(parameters)).unwrap();
    let image = vec![0.5; model.input_shape().len()];
    session.run_blocking(&[("input", (&image).into())]).unwrap();
}

fn loss(record: &Record) -> f64 {
    match record {
        Record::Step(r) => r.loss,
        Record::Epoch(r) => r.train_loss,
        Record::Recovery(r) => panic!("the device was lost: {}", r.reason),
        Record::Again(step) => panic!("update {step} again"),
    }
}

#[test]
fn running_statistics_follow_the_batches() {
    let mut trainer = pixels(&device(), TrainOptions { epochs: 1, ..options(None) }).unwrap();
    let before = trainer.checkpoint().unwrap();
    trainer.fit().unwrap();
    let after = trainer.checkpoint().unwrap();
    for (before, after) in before.parameters.iter().zip(&after.parameters) {
        assert_ne!(before.values, after.values, "{}", before.name);
    }
}

#[test]
fn what_is_frozen_stays() {
    let frozen = TrainOptions { frozen: vec!["stem".to_owned(), "norm".to_owned()], ..options(None) };
    let mut trainer = pixels(&device(), frozen).unwrap();
    let before = trainer.checkpoint().unwrap();
    trainer.fit().unwrap();
    let after = trainer.checkpoint().unwrap();
    for (before, after) in before.parameters.iter().zip(&after.parameters) {
        assert_eq!(before.values != after.values, before.name.starts_with("head."), "{}", before.name);
    }
    let names: Vec<&str> = after.optimizer.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["momentum/head.weight", "momentum/head.bias"]);
}

#[test]
fn parts_have_learning_rates_of_their_own() {
    let still = Part { names: vec!["stem".to_owned()], lr: 0.0 };
    let mut trainer = pixels(&device(), TrainOptions { parts: vec![still], ..options(None) }).unwrap();
    let before = trainer.checkpoint().unwrap();
    trainer.fit().unwrap();
    let after = trainer.checkpoint().unwrap();
    for (before, after) in before.parameters.iter().zip(&after.parameters) {
        assert_eq!(before.values == after.values, before.name == "stem.weight", "{}", before.name);
    }
}

#[test]
fn it_stops_when_nothing_gets_better() {
    // With a learning rate of next to nothing, no change reaches the least one that counts.
    let stopping = TrainOptions {
        epochs: 9,
        lr: 1e-12,
        watch: Watch::Accuracy,
        early_stopping: Some(EarlyStopping { patience: 2, min_delta: 0.5 }),
        ..options(None)
    };
    let mut trainer = pixels(&device(), stopping).unwrap();
    let outcome = trainer.fit().unwrap();
    assert_eq!((outcome.reason, outcome.epochs), (Reason::Stopped, 3));
    assert_eq!(trainer.fit().unwrap().reason, Reason::Stopped);
}

#[test]
fn of_a_loss_that_is_maximized_the_largest_is_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let patience = Some(EarlyStopping { patience: 1, min_delta: 0.0 });
    let rising = TrainOptions { epochs: 4, maximize: true, early_stopping: patience, ..options(Some(folder.path())) };
    let device = device();
    let outcome = pixels(&device, rising.clone()).unwrap().fit().unwrap();
    assert_eq!((outcome.reason, outcome.epochs), (Reason::Finished, 4));
    let epochs = read_log(folder.path().join("log.jsonl")).unwrap();
    let losses: Vec<f64> =
        epochs.iter().filter_map(|r| if let Record::Epoch(r) = r { r.val_loss } else { None }).collect();
    assert!(losses.len() == 4 && losses.is_sorted() && losses[3] > 2.0 * losses[0], "{losses:?}");
    assert_eq!(outcome.best, Some(losses[3]));
    assert_eq!(Checkpoint::load(folder.path().join("best.checkpoint")).unwrap().state.epoch, 4);

    // Without validation data it is the training loss; what else is watched goes its own way.
    let alone = TrainOptions { run_folder: None, ..rising.clone() };
    let training = Trainer::builder(&device, Tiny::PIXELS, shapes(10)).options(alone);
    let outcome = training.build().unwrap().fit().unwrap();
    assert_eq!((outcome.reason, outcome.best), (Reason::Finished, outcome.last.map(|last| last.train_loss)));
    let least = TrainOptions { run_folder: None, watch: Watch::Min("loss".to_owned()), ..rising };
    let outcome = pixels(&device, least).unwrap().fit().unwrap();
    assert_eq!((outcome.reason, outcome.epochs), (Reason::Stopped, 2));
}

#[test]
fn a_classifier_learns_without_validation_data() {
    let device = device();
    let options = TrainOptions { epochs: 30, lr: 0.1, ..options(None) };
    let mut trainer = Trainer::builder(&device, Tiny::PICTURES, few_digits(16)).options(options).build().unwrap();
    let mut losses = Vec::new();
    let outcome = trainer.fit_with(|record| {
        losses.push(loss(record));
        std::ops::ControlFlow::Continue(())
    });
    let best = outcome.unwrap().best.unwrap();
    assert!(best < 0.8 * losses[0], "{best} {losses:?}");
}
