//! Trainings that cannot begin, or cannot go on.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use atrous_graph::{Shape, optim::Optimizer};
use atrous_io::Weights;
use atrous_nn::{Mode, Network};
use atrous_train::{
    Loss, LossPart, Part, TrainError, TrainOptions, Trainer, Watch,
    checkpoint::{Checkpoint, CheckpointError},
    data::{Loader, LoaderOptions, Shapes},
    log::{Record, read_log},
};
use atrous_vision::Preprocess;

use crate::common::{Tiny, bits, device, few_digits, of_pixels, options, pixels, shapes, unseen_shapes};

#[test]
fn numbers_that_go_bad_stop_the_training_and_leave_the_checkpoint() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let first = TrainOptions { epochs: 1, ..options(Some(folder.path())) };
    pixels(&device, first).unwrap().fit().unwrap();
    let last = folder.path().join("last.checkpoint");
    let good = std::fs::read(&last).unwrap();
    let mut bad = Checkpoint::load(&last).unwrap();
    let weight = bad.parameters.iter_mut().find(|t| t.name == "head.weight").unwrap();
    // Finite, but their products are not.
    weight.values.fill(f32::MAX);
    bad.save(&last).unwrap();
    let spoiled = std::fs::read(&last).unwrap();
    let resume = || pixels(&device, TrainOptions { resume: true, ..options(Some(folder.path())) });
    let mut trainer = resume().unwrap();
    let error = trainer.fit().unwrap_err();
    let TrainError::NotFinite { step, node, .. } = &error else { panic!("{error}") };
    assert_eq!((*step, node.as_deref()), (4, Some("head")));
    assert!(error.to_string().starts_with("step 4: loss "), "{error}");
    assert_eq!(std::fs::read(&last).unwrap(), spoiled, "no checkpoint is written after numbers went bad");
    assert_ne!(good, spoiled);
    assert_eq!(read_log(folder.path().join("log.jsonl")).unwrap().len(), 4);
    assert!(trainer.fit().is_err(), "trying again is the same error");
    drop(trainer);

    bad.parameters.iter_mut().find(|t| t.name == "head.weight").unwrap().values[5] = f32::INFINITY;
    bad.save(&last).unwrap();
    let Err(TrainError::Checkpoint(CheckpointError::Values(found))) = resume() else { panic!("it was resumed") };
    assert_eq!((&*found.name, found.count, found.first), ("head.weight", 1, 5));
}

#[test]
fn parameters_that_went_bad_are_not_saved() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let until = |record: &Record| match record {
        Record::Step(record) if record.step == 4 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    pixels(&device, options(Some(folder.path()))).unwrap().fit_with(until).unwrap();
    let mut bad = Checkpoint::load(path("last.checkpoint")).unwrap();
    assert_eq!(bad.state.step, 5);
    let momentum = bad.optimizer.iter_mut().find(|t| t.name == "momentum/head.weight").unwrap();
    // Loss and gradient of the last step are finite; what its update makes of a weight is not.
    momentum.values[0] = f32::INFINITY;
    bad.save(path("last.checkpoint")).unwrap();
    let files =
        || ["last.checkpoint", "best.checkpoint", "best.safetensors"].map(|name| std::fs::read(path(name)).unwrap());
    let before = files();
    let error =
        pixels(&device, TrainOptions { resume: true, ..options(Some(folder.path())) }).unwrap().fit().unwrap_err();
    let TrainError::Diverged { step: 6, bad } = &error else { panic!("{error}") };
    assert_eq!((&*bad.name, bad.count), ("head.weight", 1));
    assert!(error.to_string().starts_with("after step 6, parameter \"head.weight\": 1 of "), "{error}");
    assert!(files() == before, "something was saved");

    // Nor does a training without a run folder end as if all were well.
    let options = TrainOptions { epochs: 1, lr: 1e39, ..options(None) };
    let mut trainer = Trainer::builder(&device, Tiny::PIXELS, shapes(4)).options(options).build().unwrap();
    let error = trainer.fit().unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 1, .. }), "{error}");
}

#[test]
fn the_first_node_that_went_bad_is_named() {
    // Finite parameters whose products are not: the convolution is the first to overflow.
    let device = device();
    let model = Tiny::PIXELS.build("tiny", Shape::new(4, 16, 16, 3), Mode::Training).unwrap();
    let mut values: HashMap<String, Vec<f32>> = HashMap::new();
    for spec in &model.parameters {
        let value = if spec.name == "stem.weight" { 2e38 } else { 0.05 };
        values.insert(spec.name.clone(), vec![value; spec.len()]);
    }
    let training = Trainer::builder(&device, Tiny::PIXELS, shapes(8)).weights(&Weights::source(values));
    let mut trainer = training.options(options(None)).build().unwrap();
    let before = bits(&trainer.checkpoint().unwrap());
    let error = trainer.fit().unwrap_err();
    let TrainError::NotFinite { step: 1, node: Some(node), .. } = &error else { panic!("{error}") };
    assert_eq!(node, "stem");
    assert_eq!(bits(&trainer.checkpoint().unwrap()), before, "a step that went bad changes nothing");
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    pixels(&device, TrainOptions { epochs: 1, ..options(Some(folder.path())) }).unwrap().fit().unwrap();
    // A device that has compiled nothing yet, and does not for what is refused.
    let device = self::device();
    let kernels = Arc::new(AtomicUsize::new(0));
    let count = kernels.clone();
    device.on_compile(move |n| {
        count.fetch_add(n, Relaxed);
    });
    let error = |change: &dyn Fn(&mut TrainOptions)| {
        let mut options = TrainOptions { resume: true, ..options(Some(folder.path())) };
        change(&mut options);
        pixels(&device, options).unwrap_err().to_string()
    };
    assert!(error(&|o| o.resume = false).contains("holds a training: resume it or take another folder"));
    assert!(error(&|o| o.seed = 9).contains("its seed is 3, here it is 9"));
    assert!(error(&|o| o.lr = 0.5).contains("its learning rate is 0.05, here it is 0.5"));
    assert!(error(&|o| o.weight_decay = 0.5).ends_with("here it is one with `weight_decay 0.5`"));
    assert!(error(&|o| o.maximize = true).ends_with("is one without `maximize`, here it is one with `maximize`"));
    assert!(error(&|o| o.optimizer = Optimizer::adam()).contains("here it is one with `optimizer Adam"));
    assert!(error(&|o| o.watch = Watch::MeanIou).contains("its watched quantity is Loss, here it is MeanIou"));

    let resumed = TrainOptions { resume: true, ..options(Some(folder.path())) };
    let wide = Tiny { width: 12, ..Tiny::PIXELS };
    let other = Trainer::builder(&device, wide, shapes(10)).name("wide").options(resumed.clone());
    let other = other.build().unwrap_err().to_string();
    assert!(other.contains("do not fit wide, it is one of tiny"), "{other}");
    assert!(other.contains("shape: stem.weight needs [12, 3, 3, 3], got [8, 3, 3, 3]"), "{other}");
    assert!(other.contains("shape: norm.running_var needs [12], got [8]"), "{other}");

    let other = of_pixels(&device, resumed.clone()).validate(few_digits(4)).build().unwrap_err().to_string();
    assert!(other.starts_with("the validation data have"), "{other}");
    let unseen = Tiny { classes: 4, ..Tiny::PIXELS };
    let other = Trainer::builder(&device, unseen, shapes(12)).name("tiny").validate(unseen_shapes());
    let other = other.options(resumed.clone());
    let other = other.build().unwrap_err().to_string();
    let text = "the training data have changed since the checkpoint: 10 pictures then, 12 now; new: shapes: picture 10 of seed 1";
    assert!(other.starts_with(text), "{other}");

    let path = folder.path().join("last.checkpoint");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = pixels(&device, resumed.clone()).unwrap_err().to_string();
    assert!(error.contains("last.checkpoint is not a valid safetensors file"), "{error}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(kernels.load(Relaxed), 0);
    pixels(&device, resumed).unwrap();
    assert_ne!(kernels.load(Relaxed), 0);
}

#[test]
fn networks_and_data_that_do_not_go_together_are_refused() {
    let device = device();
    let error = |network: Tiny, train: Loader, validation: Option<Loader>, options: TrainOptions| {
        let training = Trainer::builder(&device, network, train).name("tiny").validate(validation);
        training.options(options).build().unwrap_err().to_string()
    };
    let three = Tiny { classes: 3, ..Tiny::PIXELS };
    assert_eq!(
        error(three, shapes(4), None, options(None)),
        "tiny gives 4×16×16×3, but the labels of the data need 4×16×16×4: `with_classes(4)` makes the network one of so many classes"
    );
    assert!(error(Tiny::PICTURES, shapes(4), None, options(None)).contains("need 4×16×16×4"));
    let mixed = error(Tiny::PIXELS, shapes(4), Some(few_digits(4)), options(None));
    assert_eq!(
        mixed,
        "the validation data have pictures labelled with 10 classes, 255 ignored, the training data pixels labelled with \
         4 classes, 255 ignored"
    );
    let frozen =
        |names: &[&str]| TrainOptions { frozen: names.iter().map(|n| (*n).to_owned()).collect(), ..options(None) };
    assert!(error(Tiny::PIXELS, shapes(4), None, frozen(&["stam"])).contains("\"stam\""));
    assert!(error(Tiny::PIXELS, shapes(4), None, frozen(&["stem", "norm", "head"])).contains("all are frozen"));
    let part = Part { names: vec!["tail".to_owned()], lr: 0.1 };
    assert!(
        error(Tiny::PIXELS, shapes(4), None, TrainOptions { parts: vec![part], ..options(None) }).contains("\"tail\"")
    );
    let none = TrainOptions { epochs: 0, ..options(None) };
    assert_eq!(error(Tiny::PIXELS, shapes(4), None, none), "epochs must be at least 1, got 0");
    let weights = Loss::WeightedCrossEntropy { weights: vec![1.0; 5], smoothing: 0.0 };
    let weighted = of_pixels(&device, options(None)).objective(weights).build().unwrap_err();
    assert_eq!(weighted.to_string(), "loss: there are 4 classes, got 5 class weights");
}

#[test]
fn every_loss_trains() {
    let device = device();
    let weighted = || Loss::WeightedCrossEntropy { weights: vec![0.5, 1.0, 2.0, 1.0], smoothing: 0.1 };
    let sum =
        vec![LossPart { weight: 0.5, loss: weighted() }, LossPart { weight: 1.0, loss: Loss::Dice { smooth: 1.0 } }];
    for loss in [
        Loss::default(),
        weighted(),
        Loss::BinaryCrossEntropy {},
        Loss::Focal { gamma: 2.0 },
        Loss::Dice { smooth: 0.0 },
        Loss::Jaccard { smooth: 1.0 },
        Loss::Sum { parts: sum },
    ] {
        let adam = TrainOptions { epochs: 10, optimizer: Optimizer::adam(), lr: 0.02, ..options(None) };
        let mut trainer = of_pixels(&device, adam).objective(loss.clone()).build().unwrap();
        let before = trainer.evaluate().unwrap().unwrap().loss.unwrap();
        let outcome = trainer.fit().unwrap();
        assert!(outcome.best.unwrap() < before, "{loss:?}: {before} {outcome:?}");
    }
}

#[test]
fn a_start_may_be_any_source() {
    let model = Tiny::PIXELS.build("tiny", Shape::new(4, 16, 16, 3), Mode::Training).unwrap();
    let values: HashMap<String, Vec<f32>> =
        model.parameters.iter().map(|p| (p.name.clone(), vec![0.01; p.len()])).collect();
    let weights = Weights::source(values);
    let options = TrainOptions { epochs: 1, ..options(None) };
    let loader = Loader::new(
        Arc::new(Shapes::new(4, [16, 16], 5).unwrap()),
        LoaderOptions { threads: 0, ..LoaderOptions::new(4, [16, 16], Preprocess::TF) },
    );
    let train = loader.unwrap();
    let device = device();
    let training = Trainer::builder(&device, Tiny::PIXELS, train).weights(&weights).validate(unseen_shapes());
    let mut trainer = training.options(options).build().unwrap();
    assert_eq!(trainer.fit().unwrap().steps, 1);
}
