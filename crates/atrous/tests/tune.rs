//! A network gives the same answers after the search for its fastest kernels.

use std::time::Duration;

use atrous::gpu::{PipelineCache, Tuning};
use atrous::prelude::*;
use atrous::vision::ImageTensor;
use atrous_golden::{TinyCnn, fill};

fn predictor(tuning: Tuning) -> Predictor {
    let options = DeviceOptions { pipeline_cache: PipelineCache::Off, tuning, ..DeviceOptions::default() };
    let device = Device::open_blocking(&AdapterChoice::from_env(), options).expect("the tests need an adapter");
    let weights = fill::weights(&TinyCnn::default(), "tune/", 2.0).unwrap();
    Predictor::new(&device, TinyCnn::default(), &weights, PredictorOptions::default()).unwrap()
}

#[test]
fn answers_are_the_same_after_a_search() {
    let mut network = predictor(Tuning::On);
    let data = (0..2 * 32 * 32 * 3).map(|i| (i * 37 % 64) as f32 / 32.0 - 1.0).collect();
    let images = ImageTensor { shape: [2, 32, 32, 3], data };
    let before = network.run_blocking(&images).unwrap();
    let report = network.tune_blocking([2, 32, 32], Duration::from_secs(600)).unwrap();
    assert!(!report.shapes.is_empty() && report.shapes.iter().all(|shape| shape.excluded.is_empty()), "{report}");
    let after = network.run_blocking(&images).unwrap();
    let largest = before.f32().unwrap().iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    for (before, after) in before.f32().unwrap().iter().zip(after.f32().unwrap()) {
        assert!((before - after).abs() <= 1e-4 * largest, "{before} {after}");
    }
}

#[test]
fn a_device_on_which_tuning_is_off_refuses() {
    let refused = predictor(Tuning::Off).tune_blocking([1, 32, 32], Predictor::TUNE);
    assert!(refused.unwrap_err().to_string().contains("tuning is off"));
}
