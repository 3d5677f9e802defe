//! What has changed when a training is resumed: data, the network's function, the checkpoint.

use std::{fs, path::Path, sync::Arc};

use atrous_gpu::Device;
use atrous_graph::{GraphError, NodeId, op::Unary};
use atrous_nn::{
    Builder, Built, Info, Network,
    layers::{Conv, Norm},
};
use atrous_train::{
    TrainError, TrainOptions, Trainer, Waiting,
    checkpoint::{Checkpoint, CheckpointError, TrainingState},
    data::{Loader, LoaderOptions, Shapes},
};
use atrous_vision::Preprocess;

use crate::common::{Tiny, device, of_pixels, options, pixels, shapes, unseen_shapes};

fn resumed(folder: &Path) -> TrainOptions {
    TrainOptions { resume: true, ..options(Some(folder)) }
}

/// A training of one epoch in a folder of its own.
fn trained(device: &Device) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    pixels(device, TrainOptions { epochs: 1, ..options(Some(folder.path())) }).unwrap().fit().unwrap();
    folder
}

/// `samples` generated pictures that are not those of another seed.
fn of_seed(seed: u64, samples: usize) -> Loader {
    let options = LoaderOptions { threads: 1, ..LoaderOptions::new(4, [16, 16], Preprocess::TF) };
    Loader::new(Arc::new(Shapes::new(samples, [16, 16], seed).unwrap()), options).unwrap()
}

#[test]
fn changed_data_are_told_in_words_and_can_be_accepted() {
    let device = device();
    let folder = trained(&device);
    let build = |train: Loader, validation: Loader, options: TrainOptions| {
        Trainer::builder(&device, Tiny::PIXELS, train).name("tiny").validate(validation).options(options).build()
    };
    let error = |train, validation| build(train, validation, resumed(folder.path())).unwrap_err().to_string();
    let text = error(shapes(14), unseen_shapes());
    for part in
        ["the training data have changed", "10 pictures then, 14 now; new: ", "and 1 more; with accept_changed_data"]
    {
        assert!(text.contains(part), "{text}");
    }
    let text = error(shapes(10), of_seed(9, 6));
    for part in
        ["the validation data have changed", "new: shapes: picture 0 of seed 9 at 16×16, ", "gone: shapes: picture 0"]
    {
        assert!(text.contains(part), "{text}");
    }

    let text = error(shapes(14), of_seed(9, 6));
    for part in ["the training data have changed", " and 1 more; the validation data: new: shapes: picture 0 of seed 9"]
    {
        assert!(text.contains(part), "{text}");
    }

    let accepting = |epochs| TrainOptions { accept_changed_data: true, epochs, ..resumed(folder.path()) };
    let mut trainer = build(shapes(14), of_seed(9, 6), accepting(2)).unwrap();
    assert!(trainer.state().changed_data);
    // Three steps with ten pictures, four with fourteen.
    assert_eq!(trainer.fit().unwrap().steps, 7);
    drop(trainer);
    // These are its data now.
    let more = TrainOptions { epochs: 3, ..resumed(folder.path()) };
    assert!(
        build(shapes(10), of_seed(9, 6), more.clone()).unwrap_err().to_string().contains("14 pictures then, 10 now")
    );
    assert_eq!(build(shapes(14), of_seed(9, 6), more).unwrap().fit().unwrap().steps, 11);
    // Without a validation the best value would be one of another quantity.
    let alone = Trainer::builder(&device, Tiny::PIXELS, shapes(14)).name("tiny").options(accepting(4)).build();
    let text = alone.unwrap_err().to_string();
    assert!(text.ends_with("its validation is made with 6 pictures, here it is not made"), "{text}");
}

#[test]
fn a_checkpoint_that_knows_no_more_of_its_data_is_held_to_their_number() {
    let device = device();
    let folder = trained(&device);
    let last = folder.path().join("last.checkpoint");
    let mut old = Checkpoint::load(&last).unwrap();
    old.state = TrainingState { computation: None, data: None, validation: None, ..old.state };
    old.save(&last).unwrap();
    let with = |options| Trainer::builder(&device, Tiny::PIXELS, shapes(12)).name("tiny").options(options).build();
    let text = with(resumed(folder.path())).unwrap_err().to_string();
    assert!(text.ends_with("one with `10 samples`, here it is one with `12 samples`"), "{text}");
    with(TrainOptions { accept_changed_data: true, ..resumed(folder.path()) }).unwrap();
    let state = pixels(&device, resumed(folder.path())).unwrap().state().clone();
    assert!(state.data.is_some() && state.computation.is_some() && !state.changed_data);
}

/// [`Tiny::PIXELS`] with another function in the same place.
struct Sigmoid;

impl Network for Sigmoid {
    fn info(&self) -> Info {
        Tiny::PIXELS.info()
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("stem", x, Conv::new(8, 3).padding(1))?;
        let y = b.batch_norm("norm", y, Norm::TORCH)?;
        let y = b.activation("relu", y, Unary::Sigmoid)?;
        let y = b.dropout("dropout", y, 0.1)?;
        Ok(b.conv2d("head", y, Conv::new(4, 1).bias())?.into())
    }
}

#[test]
fn the_same_parameters_in_another_computation_are_refused() {
    let device = device();
    let folder = trained(&device);
    let other = Trainer::builder(&device, Sigmoid, shapes(10)).name("tiny").validate(unseen_shapes());
    let error = other.options(resumed(folder.path())).build().unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint(CheckpointError::Computation { .. })), "{error}");
    let text = error.to_string();
    let parts =
        ["its network, tiny, computes something else: ", r#""sigmoid": 0 then, 1 now"#, r#""relu": 1 then, 0 now"#];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    // How gradients are computed does not change the result.
    let recompute = atrous_graph::autodiff::Recompute::Segments(2);
    pixels(&device, TrainOptions { recompute, ..resumed(folder.path()) }).unwrap();
}

#[test]
fn a_folder_with_the_best_checkpoint_alone_goes_on_from_it() {
    let device = device();
    let folder = trained(&device);
    let best = Checkpoint::load(folder.path().join("best.checkpoint")).unwrap();
    fs::remove_file(folder.path().join("last.checkpoint")).unwrap();
    let anew = pixels(&device, options(Some(folder.path()))).unwrap_err().to_string();
    assert!(anew.contains("holds a training: resume it or take another folder"), "{anew}");
    let mut trainer = pixels(&device, resumed(folder.path())).unwrap();
    assert_eq!(trainer.state(), &best.state);
    assert_eq!(trainer.fit().unwrap().steps, 6);
    drop(trainer);
    for name in ["last.checkpoint", "best.checkpoint"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let weights = fs::read(folder.path().join("best.safetensors")).unwrap();
    let nothing = pixels(&device, resumed(folder.path())).unwrap_err().to_string();
    assert!(nothing.contains("holds the weights of a training, but no checkpoint to resume it from"), "{nothing}");
    assert_eq!(fs::read(folder.path().join("best.safetensors")).unwrap(), weights);
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused_with_the_numbers() {
    let device = device();
    let folder = trained(&device);
    let last = folder.path().join("last.checkpoint");
    let good = Checkpoint::load(&last).unwrap();
    let error = |change: &dyn Fn(&mut TrainingState)| {
        let mut bad = good.clone();
        change(&mut bad.state);
        bad.save(&last).unwrap();
        let error = of_pixels(&device, resumed(folder.path())).build().unwrap_err();
        assert!(matches!(error, TrainError::Checkpoint(CheckpointError::Inconsistent { .. })), "{error}");
        error.to_string()
    };
    let most = u64::MAX;
    let text = error(&|s| (s.epoch, s.batch) = (most, 1));
    let needs =
        format!("last.checkpoint contradicts itself: its step is 3, it must be at least {most} after {most} epochs");
    assert!(text.contains(&needs), "{text}");
    assert!(error(&|s| s.step = 4).contains("its step is 4, it must be at most 3 after 1 epochs and 0 batches"));
    assert!(error(&|s| s.batch = 4).contains("its number of batches done is 4, it must be 3"));
    assert!(error(&|s| s.samples = 5).contains("its number of samples is 5"));
    good.save(&last).unwrap();
    of_pixels(&device, resumed(folder.path())).build().unwrap();
}

#[test]
fn the_best_value_is_one_of_the_present_validation_and_has_its_files() {
    let device = device();
    let folder = trained(&device);
    let state = |validation: Loader| {
        let options = TrainOptions { accept_changed_data: true, ..resumed(folder.path()) };
        let builder = Trainer::builder(&device, Tiny::PIXELS, shapes(10)).name("tiny").validate(validation);
        builder.options(options).build().unwrap().state().clone()
    };
    let same = state(unseen_shapes());
    assert!(same.best.is_some() && same.held_out.as_ref().is_some_and(|pictures| pictures.len() == 6));
    let other = state(of_seed(9, 6));
    assert_eq!((other.best, &other.waiting), (None, &Waiting::default()));
    // Both are known: none of them was trained on.
    assert_eq!(other.held_out.map(|pictures| pictures.len()), Some(12));
    for file in ["best.safetensors", "best.checkpoint"] {
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(state(unseen_shapes()).best, None, "{file}");
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(state(unseen_shapes()), same);
}
