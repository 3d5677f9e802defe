//! Trainings whose device is lost, or lacks memory, go on as if nothing had happened.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use atrous_gpu::{Device, DeviceOptions, GpuError, wgpu};
use atrous_graph::{autodiff::Recompute, optim::Optimizer};
use atrous_nn::zoo::UNet;
use atrous_train::{
    OnOom, Reason, TrainError, TrainOptions, Trainer,
    checkpoint::{Adapted, Checkpoint},
    data::{Loader, LoaderOptions, Shapes},
    log::{Record, read_log},
};
use atrous_vision::Preprocess;

use crate::common::{bits, device, options, pixels};
use crate::resume::{assert_same_files, demanding};

/// The device in use, whichever took the place of the first.
fn current(first: &Device) -> Arc<Mutex<Device>> {
    let current = Arc::new(Mutex::new(first.clone()));
    let follows = current.clone();
    first.on_reopen(move |device| *follows.lock().unwrap() = device.clone());
    current
}

/// A fixed pseudo-random sequence of numbers below `n` (xorshift).
fn numbers(n: u64) -> impl FnMut() -> u64 {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % n
    }
}

fn recoveries(folder: &Path) -> usize {
    let log = read_log(folder.join("log.jsonl")).unwrap();
    log.iter().filter(|record| matches!(record, Record::Recovery(_))).count()
}

#[test]
fn a_hundred_losses_change_no_bit() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let unlimited = |folder: &Path| {
        let with = TrainOptions { epochs: 60, snapshot_every: Some(4), ..demanding(folder) };
        TrainOptions { early_stopping: None, ..with }
    };
    pixels(&device(), unlimited(&whole)).unwrap().fit().unwrap();

    let first = device();
    let current = current(&first);
    let mut trainer = pixels(&first, unlimited(&parts)).unwrap();
    let (mut random, mut lost, mut told) = (numbers(3), 0, Vec::new());
    let outcome = trainer.fit_with(|record| {
        match record {
            Record::Step(r) => told.push((r.epoch, r.step)),
            Record::Epoch(r) => told.push((r.epoch, u64::MAX)),
            Record::Recovery(r) => {
                assert!(r.resumed <= r.step && r.step - r.resumed <= 5, "{r:?}");
                assert!(r.adapted.is_none() && r.reason.contains("destroyed"), "{r:?}");
                return ControlFlow::Continue(());
            }
        }
        // After steps, of which the next is under way, and after epochs.
        if lost < 100 && random() < 2 {
            current.lock().unwrap().destroy();
            lost += 1;
        }
        ControlFlow::Continue(())
    });
    assert_eq!((outcome.unwrap().steps, lost), (180, 100));
    // Nothing is told twice.
    let mut once = told.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((told.len(), once), (240, told));
    assert_eq!(recoveries(&parts), 100);
    assert_same_files(&whole, &parts);
}

#[test]
fn losses_at_any_time_change_no_bit() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let with = |folder: &Path| TrainOptions { epochs: 10, accumulate: 2, snapshot_every: Some(1), ..demanding(folder) };
    let undisturbed = pixels(&device(), with(&whole)).unwrap().fit().unwrap();

    let first = device();
    let current = current(&first);
    let mut trainer = pixels(&first, with(&parts)).unwrap();
    let (steps, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = numbers(20);
            let mut known = 0;
            while !ended.load(Ordering::Relaxed) {
                // Once after each new step: while a batch is read or computed, in a validation, while files are written.
                let now = steps.load(Ordering::Relaxed);
                thread::sleep(Duration::from_millis(random()));
                if now > known {
                    known = now;
                    current.lock().unwrap().destroy();
                }
            }
        });
        let outcome = trainer.fit_with(|record| {
            if let Record::Step(record) = record {
                steps.store(record.step, Ordering::Relaxed);
            }
            ControlFlow::Continue(())
        });
        ended.store(true, Ordering::Relaxed);
        assert_eq!(outcome.unwrap().steps, undisturbed.steps);
    });
    assert!(recoveries(&parts) > 0);
    assert_same_files(&whole, &parts);
}

/// Trains and destroys the device once, after `step` updates.
fn broken_at(step: u64, options: TrainOptions) -> (Trainer, Result<u64, TrainError>) {
    let first = device();
    let mut trainer = pixels(&first, options).unwrap();
    let ended = trainer.fit_with(|record| {
        if matches!(record, Record::Step(r) if r.step == step) {
            first.destroy();
        }
        ControlFlow::Continue(())
    });
    (trainer, ended.map(|outcome| outcome.steps))
}

#[test]
fn without_snapshots_the_last_checkpoint_serves_and_without_both_nothing_does() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    pixels(&device(), demanding(&whole)).unwrap().fit().unwrap();
    let off = |options: TrainOptions| TrainOptions { snapshot_every: None, ..options };
    let (_, ended) = broken_at(4, off(TrainOptions { checkpoint_every: Some(2), ..demanding(&parts) }));
    assert_eq!(ended.unwrap(), 6);
    assert_same_files(&whole, &parts);
    // A loss before the first checkpoint.
    let (_, ended) = broken_at(2, off(demanding(&top.path().join("early"))));
    assert!(matches!(ended, Err(TrainError::Gpu(GpuError::DeviceLost(_)))), "{ended:?}");
    let (_, ended) = broken_at(4, off(options(None)));
    assert!(matches!(ended, Err(TrainError::Gpu(GpuError::DeviceLost(_)))), "{ended:?}");
}

#[test]
fn a_device_that_keeps_being_lost_ends_the_training_and_loses_no_snapshot() {
    let top = tempfile::tempdir().unwrap();
    let with = |folder: &Path| TrainOptions { snapshot_every: Some(1), ..demanding(folder) };
    let whole = top.path().join("whole");
    pixels(&device(), with(&whole)).unwrap().fit().unwrap();
    for later in ["in the same process", "resumed"] {
        let parts = top.path().join(later);
        let (first, destroys) = (device(), Arc::new(AtomicBool::new(true)));
        let still = destroys.clone();
        first.on_reopen(move |device| {
            if still.load(Ordering::Relaxed) {
                device.destroy();
            }
        });
        let mut trainer = pixels(&first, with(&parts)).unwrap();
        let ended = trainer.fit_with(|record| {
            if matches!(record, Record::Step(r) if r.step == 3) {
                first.destroy();
            }
            ControlFlow::Continue(())
        });
        let error = ended.unwrap_err();
        assert!(matches!(error.reason(), TrainError::Gpu(GpuError::DeviceLost(_))), "{error}");
        let TrainError::Saved { step: step @ 2..=3, .. } = error else { panic!("{error}") };
        // The adapter is well again.
        destroys.store(false, Ordering::Relaxed);
        if later == "resumed" {
            drop(trainer);
            trainer = pixels(&device(), TrainOptions { resume: true, ..with(&parts) }).unwrap();
            assert_eq!(trainer.state().step, step);
        }
        trainer.fit().unwrap();
        assert_same_files(&whole, &parts);
    }
}

#[test]
fn a_device_of_the_program_is_not_opened_again() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let adapter = adapters.first().expect("the tests need an adapter");
    let (raw, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let given = Device::from_wgpu_blocking(adapter, raw.clone(), queue, DeviceOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = TrainOptions { snapshot_every: Some(1), ..demanding(folder.path()) };
    let mut trainer = pixels(&given, with).unwrap();
    let ended = trainer.fit_with(|record| {
        if matches!(record, Record::Step(r) if r.step == 2) {
            raw.destroy();
        }
        ControlFlow::Continue(())
    });
    let error = ended.unwrap_err();
    assert!(error.to_string().contains("the device was opened by its program, which must open it again"), "{error}");
    assert!(matches!(error, TrainError::Saved { .. }), "{error}");
}

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
                Record::Step(_) | Record::Epoch(_) => {}
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
            Record::Step(_) | Record::Epoch(_) | Record::Recovery(_) => {}
        }
        ControlFlow::Continue(())
    });
    let error = ended.unwrap_err();
    assert!(matches!(error.reason(), TrainError::Gpu(GpuError::DeviceLost(_))), "{error}");
    let last = Checkpoint::load(folder.path().join("last.checkpoint")).unwrap().state;
    assert!(last.step >= 4 && last.adapted.is_some(), "{last:?}");
}
