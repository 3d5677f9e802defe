//! Trainings whose device is lost go on as if nothing had happened.

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
use atrous_train::{
    Reason, TrainError, TrainOptions, Trainer,
    data::{DataError, Dataset, Loader, LoaderOptions, Sample, Shapes, TargetSpec},
    log::{Record, read_log},
};
use atrous_vision::Preprocess;

use crate::common::{Tiny, bits, device, options, pixels, shapes};
use crate::resume::{assert_same_files, demanding};

/// The device in use, whichever took the place of the first.
pub(crate) fn current(first: &Device) -> Arc<Mutex<Device>> {
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
            Record::Again(_) => return ControlFlow::Continue(()),
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

#[test]
fn an_interruption_is_heard_while_updates_are_done_again() {
    let mut undisturbed = pixels(&device(), options(None)).unwrap();
    undisturbed.fit().unwrap();
    let first = device();
    let mut trainer = pixels(&first, options(None)).unwrap();
    let mut told = Vec::new();
    let outcome = trainer.fit_with(|record| match record {
        Record::Step(r) if r.step == 5 => {
            first.destroy();
            ControlFlow::Continue(())
        }
        Record::Again(step) => {
            told.push(*step);
            if *step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    });
    let outcome = outcome.unwrap();
    // The update under way is completed.
    assert_eq!((outcome.reason, outcome.steps), (Reason::Interrupted, 3));
    assert_eq!(told, [1, 2, 3]);
    // The next call goes on from there, and still tells nothing twice.
    let mut steps = Vec::new();
    let outcome = trainer.fit_with(|record| {
        if let Record::Step(r) = record {
            steps.push(r.step);
        }
        ControlFlow::Continue(())
    });
    assert_eq!((outcome.unwrap().reason, steps), (Reason::Finished, vec![6]));
    assert_eq!(bits(&trainer.checkpoint().unwrap()), bits(&undisturbed.checkpoint().unwrap()));
}

#[test]
fn a_validation_outlives_its_device() {
    for snapshot_every in [Some(100), None] {
        let first = device();
        let current = current(&first);
        let lost =
            Losing { inner: Shapes::new(6, [16, 16], 2).unwrap(), device: current, at: AtomicU64::new(u64::MAX) };
        let lost = Arc::new(lost);
        let loading = LoaderOptions { threads: 0, ..LoaderOptions::new(2, [16, 16], Preprocess::TF) };
        let validation = Loader::new(lost.clone(), loading).unwrap();
        let with = TrainOptions { snapshot_every, ..options(None) };
        let mut trainer =
            Trainer::builder(&first, Tiny::PIXELS, shapes(10)).validate(validation).options(with).build().unwrap();
        trainer.fit().unwrap();
        let (figures, state) = (trainer.evaluate().unwrap(), trainer.checkpoint().unwrap());
        lost.at.store(4, Ordering::Relaxed);
        let again = trainer.evaluate();
        assert_eq!(lost.at.load(Ordering::Relaxed), u64::MAX, "the device was not destroyed");
        if snapshot_every.is_none() {
            assert!(matches!(again, Err(TrainError::Gpu(GpuError::DeviceLost(_)))), "{again:?}");
            continue;
        }
        assert_eq!(again.unwrap(), figures);
        let after = trainer.checkpoint().unwrap();
        assert_eq!((bits(&after), after.state), (bits(&state), state.state));
    }
}

/// Pictures of shapes; the device is destroyed once, when picture `at` is read.
struct Losing {
    inner: Shapes,
    device: Arc<Mutex<Device>>,
    at: AtomicU64,
}

impl Dataset for Losing {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        if self.at.compare_exchange(index as u64, u64::MAX, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.device.lock().unwrap().destroy();
        }
        self.inner.get(index)
    }

    fn targets(&self) -> Vec<TargetSpec> {
        self.inner.targets()
    }

    fn class_names(&self) -> &[String] {
        self.inner.class_names()
    }

    fn describe(&self, index: usize) -> String {
        self.inner.describe(index)
    }
}
