//! Small classifiers learn to read digits within a few epochs.

use std::sync::Arc;

use atrous::gpu::GpuError;
use atrous::nn::IntoNetwork;
use atrous::nn::zoo::{SmallResNet, SmallXception};
use atrous::prelude::*;
use atrous::train::data::{digits, split_every};
use atrous::vision::Normalize;

use crate::learning::Learnt;

/// Trains on four fifths of the digits and validates on the rest.
fn train(network: impl IntoNetwork, epochs: u64) -> Learnt {
    let (train, held_out) = loaders();
    Learnt::after(network, train, held_out, epochs, 0.01)
}

fn loaders() -> (Loader, Loader) {
    let (train, held_out) = split_every(Arc::new(digits()), 5).expect("enough digits");
    let grey = Preprocess::new(Normalize::Green { mean: 0.305, std: 0.376 });
    let options = LoaderOptions::new(32, [8, 8], grey);
    let shuffled = LoaderOptions { shuffle: true, drop_last: true, ..options };
    let train = Loader::new(Arc::new(train), shuffled).expect("a loader");
    let held_out = Loader::new(Arc::new(held_out), options).expect("a loader");
    (train, held_out)
}

#[test]
fn a_small_resnet_reads_digits() {
    let learnt = train(SmallResNet::default(), 3);
    learnt.loss_fell_by(10.0);
    learnt.reached("accuracy", 0.95);
}

#[test]
fn a_small_resnet_reads_digits_in_f16() {
    let options = DeviceOptions { precision: Precision::F16, ..DeviceOptions::from_env().expect("an environment") };
    let device = match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Err(GpuError::NoF16 { .. }) => return,
        opened => opened.expect("an adapter"),
    };
    let learnt = Learnt::after_on(&device, SmallResNet::default(), loaders(), 3, 0.01);
    learnt.loss_fell_by(10.0);
    learnt.reached("accuracy", 0.95);
}

#[test]
fn a_small_xception_reads_digits() {
    let learnt = train(SmallXception::default(), 4);
    learnt.loss_fell_by(5.0);
    learnt.reached("accuracy", 0.93);
}
