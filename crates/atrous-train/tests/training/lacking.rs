//! Trainings whose device lacks memory go on in less.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use atrous_gpu::{Device, GpuError};
use atrous_graph::{autodiff::Recompute, optim::Optimizer};
use atrous_nn::zoo::UNet;
use atrous_train::{
    OnOom, Reason, TrainError, TrainOptions, Trainer,
    checkpoint::{Adapted, Checkpoint},
    data::{Loader, LoaderOptions, Shapes},
    log::Record,
};
use atrous_vision::Preprocess;

use crate::common::{bits, device, options};
use crate::lost::current;

const NETWORK: UNet = UNet { classes: 4, base: 4, depth: 2, ..UNet::PADDED };

/// Two epochs of three batches, the last one half full, of a network without dropout.
fn unet(device: &Device, batch: usize, options: TrainOptions) -> Result<Trainer, TrainError> {
    let loading = LoaderOptions { shuffle: true, ..LoaderOptions::new(batch, [32, 32], Preprocess::IMAGENET) };
    let data = |samples| Loader::new(Arc::new(Shapes::new(samples, [32, 32], 1).unwrap()), loading).unwrap();
    Trainer::builder(device, NETWORK, data(10)).validate(data(6)).options(options).build()
}

fn plain(on_oom: OnOom) -> TrainOptions {
    let optimizer = Optimizer::sgd(0.9);
    TrainOptions { optimizer, recompute: Recompute::Nothing, on_oom, ..options(None) }
}

fn bytes(batch: usize, recompute: Recompute, accumulate: u64) -> u64 {
    let options = TrainOptions { recompute, accumulate, ..plain(OnOom::Fail) };
    unet(&device(), batch, options).unwrap().session().plan().peak_bytes()
}

fn limited(budget: u64) -> Device {
    let device = device();
    device.set_memory_budget(Some(budget));
    device
}

#[test]
fn too_little_memory_first_means_more_recomputation() {
    let mut asked = unet(&device(), 4, plain(OnOom::Fail)).unwrap();
    asked.fit().unwrap();
    let budget = bytes(4, Recompute::Cheap, 1);
    let mut less = unet(&limited(budget), 4, plain(OnOom::Adapt)).unwrap();
    assert!(less.session().plan().peak_bytes() <= budget);
    less.fit().unwrap();
    let adapted = less.checkpoint().unwrap();
    let way = Adapted { batch: 4, recompute: "cheap".to_owned() };
    assert_eq!(adapted.state.adapted, Some(way));
    assert_eq!(bits(&adapted), bits(&asked.checkpoint().unwrap()));
}

#[test]
fn much_too_little_memory_means_batches_in_parts() {
    let accumulated = TrainOptions { accumulate: 2, recompute: Recompute::Segments(8), ..plain(OnOom::Fail) };
    let mut by_hand = unet(&device(), 2, accumulated.clone()).unwrap();
    by_hand.fit().unwrap();
    let budget = bytes(2, Recompute::Segments(8), 2);
    let enough = TrainOptions { recompute: Recompute::Segments(8), ..plain(OnOom::Adapt) };
    let folder = tempfile::tempdir().unwrap();
    let enough = TrainOptions { run_folder: Some(folder.path().to_owned()), ..enough };
    let mut parts = unet(&limited(budget), 4, enough.clone()).unwrap();
    parts.fit().unwrap();
    let made = parts.checkpoint().unwrap();
    assert_eq!((made.state.step, made.state.batch, made.state.epoch), (6, 0, 2));
    assert_eq!(made.state.adapted.as_ref().map(|adapted| adapted.batch), Some(2));
    assert_eq!(bits(&made), bits(&by_hand.checkpoint().unwrap()));
    drop(parts);
    // It is resumed in the same parts where it may, though there is memory for more, and whole otherwise.
    for (on_oom, batch) in [(OnOom::Adapt, 2), (OnOom::Fail, 4)] {
        let resumed = TrainOptions { resume: true, epochs: 3, on_oom, ..enough.clone() };
        let trainer = unet(&device(), 4, resumed).unwrap();
        assert_eq!((trainer.model().input_shape().n, trainer.state().step), (batch, 6));
    }
}

#[test]
fn a_budget_that_shrinks_loses_no_update() {
    let whole = bytes(4, Recompute::Nothing, 1);
    let smaller = bytes(2, Recompute::Nothing, 2);
    for (on_oom, accumulate) in [(OnOom::Adapt, 1), (OnOom::Adapt, 2), (OnOom::Fail, 1)] {
        let device = limited(2 * whole);
        let current = current(&device);
        let folder = tempfile::tempdir().unwrap();
        let with = TrainOptions { accumulate, run_folder: Some(folder.path().to_owned()), ..plain(on_oom) };
        let mut trainer = unet(&device, 4, TrainOptions { snapshot_every: None, ..with.clone() }).unwrap();
        let mut adapted = Vec::new();
        let ended = trainer.fit_with(|record| {
            match record {
                Record::Step(r) if r.step == 1 => current.lock().unwrap().set_memory_budget(Some(smaller)),
                Record::Recovery(r) => adapted.push((r.step, r.resumed, r.adapted.clone())),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        match on_oom {
            OnOom::Adapt => {
                let outcome = ended.unwrap();
                assert_eq!((outcome.reason, outcome.steps), (Reason::Finished, if accumulate == 1 { 6 } else { 4 }));
                let [(step, resumed, Some(way))] = &adapted[..] else { panic!("{adapted:?}") };
                assert_eq!(step, resumed, "what was done is not done again");
                assert!(trainer.session().plan().peak_bytes() <= smaller, "{way}");
            }
            OnOom::Fail => {
                let error = ended.unwrap_err();
                let TrainError::Saved { error: reason, step, .. } = &error else { panic!("{error}") };
                let TrainError::Memory { fits, .. } = &**reason else { panic!("{error}") };
                assert!(fits.iter().all(|(_, bytes)| *bytes <= smaller) && !fits.is_empty(), "{error}");
                let last = Checkpoint::load(folder.path().join("last.checkpoint")).unwrap();
                assert_eq!(last.state.step, *step);
                drop(trainer);
                let mut resumed = unet(&limited(whole), 4, TrainOptions { resume: true, ..with }).unwrap();
                resumed.fit().unwrap();
                let mut undisturbed = unet(&limited(whole), 4, plain(OnOom::Fail)).unwrap();
                undisturbed.fit().unwrap();
                let [a, b] = [resumed, undisturbed].map(|trainer| bits(&trainer.checkpoint().unwrap()));
                assert_eq!(a, b);
            }
        }
    }
}

#[test]
fn a_state_from_before_memory_was_lacking_never_replaces_a_later_checkpoint() {
    let smaller = bytes(2, Recompute::Nothing, 2);
    let device = limited(2 * bytes(4, Recompute::Nothing, 1));
    let (current, hopeless) = (current(&device), Arc::new(AtomicBool::new(false)));
    let end = hopeless.clone();
    device.on_reopen(move |device| {
        if end.load(Ordering::Relaxed) {
            device.destroy();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let run_folder = Some(folder.path().to_owned());
    let with = TrainOptions { run_folder, checkpoint_every: Some(1), snapshot_every: None, ..plain(OnOom::Adapt) };
    let mut trainer = unet(&device, 4, with).unwrap();
    let ended = trainer.fit_with(|record| {
        match record {
            Record::Step(r) if r.step == 1 => current.lock().unwrap().set_memory_budget(Some(smaller)),
            Record::Step(r) if r.step == 5 => {
                hopeless.store(true, Ordering::Relaxed);
                current.lock().unwrap().destroy();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let error = ended.unwrap_err();
    assert!(matches!(error.reason(), TrainError::Gpu(GpuError::DeviceLost(_))), "{error}");
    let last = Checkpoint::load(folder.path().join("last.checkpoint")).unwrap().state;
    assert!(last.step >= 4 && last.adapted.is_some(), "{last:?}");
}

#[test]
fn a_validation_that_lacks_memory_leaves_the_updates_as_they_are() {
    // Four pictures at once need more in a validation than one in an update.
    let trainer = |device: &Device, validated: usize, on_oom| {
        let loader = |batch, samples| {
            let loading = LoaderOptions::new(batch, [32, 32], Preprocess::IMAGENET);
            Loader::new(Arc::new(Shapes::new(samples, [32, 32], 1).unwrap()), loading).unwrap()
        };
        let (train, validation) = (loader(1, 3), loader(validated, 7));
        Trainer::builder(device, NETWORK, train).validate(validation).options(plain(on_oom)).build()
    };
    let budget = trainer(&device(), 1, OnOom::Fail).unwrap().session().plan().peak_bytes();
    let mut asked = trainer(&device(), 16, OnOom::Fail).unwrap();
    asked.fit().unwrap();

    let error = trainer(&limited(budget), 16, OnOom::Fail).unwrap_err();
    let TrainError::Memory { fits, .. } = &error else { panic!("{error}") };
    let [(what, bytes)] = &fits[..] else { panic!("{error}") };
    assert!(what.starts_with("a validation of ") && *bytes <= budget, "{error}");

    for on_oom in [OnOom::Adapt, OnOom::Fail] {
        let device = device();
        let current = current(&device);
        let mut less = trainer(&device, 16, on_oom).unwrap();
        let mut adapted = Vec::new();
        let ended = less.fit_with(|record| {
            match record {
                Record::Step(r) if r.step == 2 => current.lock().unwrap().set_memory_budget(Some(budget)),
                Record::Recovery(r) => adapted.push(r.adapted.clone().unwrap_or_default()),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        if on_oom == OnOom::Fail {
            let error = ended.unwrap_err();
            let TrainError::Memory { fits: after, .. } = error.reason() else { panic!("{error}") };
            assert_eq!(after, fits);
            continue;
        }
        let last = ended.unwrap().last.unwrap();
        assert!(adapted.iter().all(|how| how.starts_with("a validation of ")) && !adapted.is_empty(), "{adapted:?}");
        assert_eq!(less.adapted(), None);
        assert_eq!(bits(&less.checkpoint().unwrap()), bits(&asked.checkpoint().unwrap()));
        let figures = asked.evaluate().unwrap().unwrap();
        assert_eq!(last.metrics, figures.metrics);
        let (a, b) = (last.val_loss.unwrap(), figures.loss.unwrap());
        assert!((a - b).abs() <= 1e-6 * b, "{a} {b}");
    }
}
