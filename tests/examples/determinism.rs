//! The same seed gives the same bits: parameters, running statistics and optimizer state after 20 steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use atrous::nn::IntoNetwork;
use atrous::nn::zoo::{DeepLabXception65, SmallResNet, SmallXception, UNet};
use atrous::prelude::*;
use atrous::train::data::{Shapes, digits, split_every};
use atrous_tests::device;

use crate::learning::one_cycle;

type Bits = BTreeMap<String, Vec<u32>>;

/// Everything the device holds after 20 steps from nothing.
fn bits_of_a_training(
    device: &Device,
    network: impl IntoNetwork,
    data: &Arc<dyn Dataset>,
    size: usize,
    seed: u64,
) -> Bits {
    let augment = Augment { horizontal_flip: 0.5, rotation: 5.0, brightness: 0.1, ..Augment::NONE };
    // Threads do the work in another order every time.
    let options = LoaderOptions::new(4, [size, size], Preprocess::TF);
    let options = LoaderOptions { shuffle: true, augment, seed, threads: 2, ahead: 4, ..options };
    let train = Loader::new(data.clone(), options).expect("a loader");
    let epochs = 20 / train.batches() as u64;
    let options = TrainOptions { seed, ..one_cycle(epochs, train.batches(), 0.01) };
    let mut trainer =
        Trainer::builder(device, network, train).options(options).build().unwrap_or_else(|e| panic!("{e}"));
    let outcome = trainer.fit().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(outcome.steps, 20);
    let parameters = trainer.parameters().download_blocking().expect("parameters");
    let state = trainer.session().download_state_blocking().expect("optimizer state");
    let named = |kind: &str, (name, values): (String, Vec<f32>)| {
        (format!("{kind} {name}"), values.into_iter().map(f32::to_bits).collect())
    };
    let parameters = parameters.into_iter().map(|entry| named("parameter", entry));
    parameters.chain(state.into_iter().map(|entry| named("state", entry))).collect()
}

/// Trains twice with one seed.
fn same_bits_twice(network: impl Network + Clone + 'static, data: Arc<dyn Dataset>, size: usize) {
    let device = device();
    let first = bits_of_a_training(&device, network.clone(), &data, size, 1);
    let second = bits_of_a_training(&device, network, &data, size, 1);
    assert!(
        first.keys().any(|name| name.starts_with("parameter")) && first.keys().any(|name| name.starts_with("state"))
    );
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    let differ: Vec<&String> = first.keys().filter(|name| first[*name] != second[*name]).collect();
    assert!(differ.is_empty(), "{} of {} tensors differ: {differ:?}", differ.len(), first.len());
}

/// Twenty digits.
fn few_digits() -> Arc<dyn Dataset> {
    let (_, held_out) = split_every(Arc::new(digits()), 88).expect("enough digits");
    assert_eq!(held_out.len(), 20);
    Arc::new(held_out)
}

fn few_shapes() -> Arc<dyn Dataset> {
    Arc::new(Shapes::new(20, [32, 32], 1).expect("shapes"))
}

#[test]
fn of_a_small_resnet() {
    same_bits_twice(SmallResNet::default(), few_digits(), 8);
}

#[test]
fn of_a_small_xception() {
    same_bits_twice(SmallXception::default(), few_digits(), 8);
}

#[test]
fn of_a_small_unet() {
    same_bits_twice(UNet { classes: 4, base: 8, ..UNet::SMALL }, few_shapes(), 32);
}

#[test]
fn of_a_small_deeplab() {
    same_bits_twice(DeepLabXception65 { classes: 4, ..DeepLabXception65::small() }, few_shapes(), 32);
}

#[test]
fn another_seed_gives_other_bits() {
    let bits = |seed| bits_of_a_training(&device(), SmallResNet::default(), &few_digits(), 8, seed);
    assert_ne!(bits(1), bits(2));
}
