//! Trainings in f16: a loss scale that changes, is kept, and does not pass for a training gone bad.

use std::{ops::ControlFlow, path::Path};

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError};
use atrous_graph::{optim::LossScaling, passes::Precision};
use atrous_train::{
    Loss, LossPart, Reason, TrainError, TrainOptions,
    checkpoint::Checkpoint,
    log::{Record, StepRecord, read_log},
};

use crate::{
    common::{bits, of_pixels, options, pixels},
    resume::{assert_same_files, demanding},
};

/// The device in f16; `None` where it has none.
fn half() -> Option<Device> {
    device_of(Precision::F16)
}

fn full() -> Device {
    device_of(Precision::F32).expect("every adapter has f32")
}

fn device_of(precision: Precision) -> Option<Device> {
    let options = DeviceOptions { precision, ..DeviceOptions::from_env().unwrap() };
    match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Err(GpuError::NoF16 { .. }) => None,
        opened => Some(opened.expect("the tests need an adapter")),
    }
}

fn steps(folder: &Path) -> Vec<StepRecord> {
    let step = |record| match record {
        Record::Step(step) => Some(step),
        _ => None,
    };
    read_log(folder.join("log.jsonl")).unwrap().into_iter().filter_map(step).collect()
}

/// A scale that is too large at first, and grows again after each step that was not skipped.
fn restless(folder: &Path) -> TrainOptions {
    let loss_scaling = LossScaling { init: (1 << 27) as f32, interval: 1 };
    TrainOptions { loss_scaling, epochs: 4, ..demanding(folder) }
}

#[test]
fn an_interruption_near_a_skipped_step_changes_no_bit() {
    let Some(device) = half() else { return };
    let top = tempfile::tempdir().unwrap();
    let whole = top.path().join("whole");
    for accumulate in [1, 2] {
        let whole = whole.join(accumulate.to_string());
        let restless = |folder: &Path| TrainOptions { accumulate, ..restless(folder) };
        let mut trainer = pixels(&device, restless(&whole)).unwrap();
        assert_eq!(trainer.session().measured_bytes(), trainer.session().plan().peak_bytes());
        let outcome = trainer.fit().unwrap();
        let all = steps(&whole);
        assert_eq!(
            (outcome.reason, outcome.steps, all.len() as u64),
            (Reason::Finished, all.len() as u64, outcome.steps)
        );
        // The scale follows from what was skipped, and the schedule from the number of the step.
        for pair in all.windows(2) {
            let factor = if pair[0].skipped { 0.5 } else { 2.0 };
            assert_eq!(pair[1].loss_scale.unwrap(), factor * pair[0].loss_scale.unwrap(), "{all:?}");
        }
        let skipped = all.iter().filter(|step| step.skipped).count();
        assert!(all[0].skipped && skipped + 2 <= all.len(), "{all:?}");
        assert!(all.iter().all(|step| step.loss.is_finite()));
        assert_eq!(trainer.state().loss_scale.unwrap().skipped as usize, skipped);
        for stop in 1..outcome.steps {
            let parts = top.path().join(format!("parts{accumulate}.{stop}"));
            let resumed = TrainOptions { resume: true, ..restless(&parts) };
            let watch = |record: &Record| match record {
                Record::Step(r) if r.step == stop => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            pixels(&device, resumed.clone()).unwrap().fit_with(watch).unwrap();
            assert_eq!(pixels(&device, resumed).unwrap().fit().unwrap().reason, Reason::Finished);
            assert_same_files(&whole, &parts);
        }
    }
}

#[test]
fn a_training_goes_on_in_its_own_precision() {
    let Some(half) = half() else { return };
    let full = full();
    for (began, other, text) in
        [(&half, &full, "its precision is f16, here it is f32"), (&full, &half, "its precision is f32, here it is f16")]
    {
        let top = tempfile::tempdir().unwrap();
        let resumed = TrainOptions { resume: true, epochs: 1, ..options(Some(top.path())) };
        pixels(began, resumed.clone()).unwrap().fit().unwrap();
        let error = pixels(other, resumed.clone()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        let loss_scaling = LossScaling { interval: 7, ..LossScaling::default() };
        let other = pixels(began, TrainOptions { loss_scaling, ..resumed });
        // How the loss would be scaled is nothing to a training in f32.
        assert_eq!(other.is_err(), began.options().precision == Precision::F16);
    }
}

#[test]
fn a_gradient_that_no_scale_brings_down_stops_the_training() {
    let Some(device) = half() else { return };
    let folder = tempfile::tempdir().unwrap();
    let parts = vec![LossPart { weight: 1e30, loss: Loss::default() }];
    let loss_scaling = LossScaling { init: 1.0 / 4096.0, interval: 1 };
    let hopeless = TrainOptions { loss_scaling, ..options(Some(folder.path())) };
    let mut trainer = of_pixels(&device, hopeless).objective(Loss::Sum { parts }).build().unwrap();
    let before = bits(&trainer.checkpoint().unwrap());
    let error = trainer.fit().unwrap_err();
    let TrainError::LossScale { step: 4, loss_scale, .. } = error else { panic!("{error}") };
    assert_eq!(loss_scale, 1.0 / 32768.0);
    assert_eq!(bits(&trainer.checkpoint().unwrap()), before, "nothing was learnt");
    let skipped: Vec<_> = steps(folder.path()).iter().map(|step| (step.step, step.skipped)).collect();
    assert_eq!(skipped, [(1, true), (2, true), (3, true)]);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_training_whatever_the_scale() {
    let Some(device) = half() else { return };
    let folder = tempfile::tempdir().unwrap();
    pixels(&device, TrainOptions { epochs: 1, ..options(Some(folder.path())) }).unwrap().fit().unwrap();
    let last = folder.path().join("last.checkpoint");
    let mut bad = Checkpoint::load(&last).unwrap();
    let weight = bad.parameters.iter_mut().find(|t| t.name == "head.weight").unwrap();
    // No f16, and no overflow of a gradient.
    weight.values[5] = 1e6;
    bad.save(&last).unwrap();
    let mut trainer = pixels(&device, TrainOptions { resume: true, ..options(Some(folder.path())) }).unwrap();
    let error = trainer.fit().unwrap_err();
    let TrainError::NotFinite { step: 4, node: Some(node), .. } = &error else { panic!("{error}") };
    assert_eq!(node, "head");
}

/// Validation reads the parameters in f32, and rounds them for itself.
#[test]
fn a_validation_in_f16_is_that_in_f32_up_to_rounding() {
    let Some(half) = half() else { return };
    let figures = [&half, &full()].map(|device| pixels(device, options(None)).unwrap().evaluate().unwrap().unwrap());
    let [got, want] = figures.each_ref().map(|figures| figures.loss.unwrap());
    assert!(got != want && (got - want).abs() <= 2e-3 * want, "{got} and {want}");
    let [got, want] = figures.each_ref().map(|figures| figures.confusion().unwrap().accuracy().unwrap());
    assert!((got - want).abs() < 0.01, "{got} and {want}");
}
