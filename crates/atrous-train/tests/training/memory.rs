//! A training that does not fit into its memory says what would.

use std::sync::Arc;

use atrous_gpu::{AdapterChoice, Device, DeviceOptions};
use atrous_graph::autodiff::Recompute;
use atrous_nn::zoo::UNet;
use atrous_train::data::{Loader, LoaderOptions, Shapes};
use atrous_train::{Show, TrainError, TrainOptions, Trainer};
use atrous_vision::Preprocess;

const NETWORK: UNet = UNet { classes: 4, base: 4, depth: 2, ..UNet::PADDED };

fn trainer(budget: Option<u64>, batch: usize, recompute: Recompute) -> Result<Trainer, TrainError> {
    let options = DeviceOptions { memory_budget: budget, ..DeviceOptions::from_env().unwrap() };
    let device = Device::open_blocking(&AdapterChoice::from_env(), options).expect("the tests need an adapter");
    let options = LoaderOptions::new(batch, [32, 32], Preprocess::IMAGENET);
    let loader = Loader::new(Arc::new(Shapes::new(16, [32, 32], 1).unwrap()), options).unwrap();
    let options = TrainOptions { recompute, show: Show::Nothing, ..TrainOptions::default() };
    Trainer::builder(&device, NETWORK, loader).options(options).build()
}

#[test]
fn what_would_fit_is_said_and_fits() {
    let bytes = |batch, recompute| trainer(None, batch, recompute).unwrap().session().measured_bytes();
    let (all, cheap) = (bytes(8, Recompute::Nothing), bytes(8, Recompute::Cheap));
    assert!(cheap < all * 3 / 4, "{cheap} of {all} bytes");
    assert!(bytes(8, Recompute::Segments(4)) < cheap);

    let error = trainer(Some(cheap), 8, Recompute::Nothing).unwrap_err();
    let TrainError::Memory { fits, .. } = &error else { panic!("{error}") };
    assert_eq!(fits[0], ("recompute cheap".to_owned(), cheap));
    assert_eq!(fits[1], ("a batch of 4".to_owned(), bytes(4, Recompute::Nothing)));
    assert!(error.to_string().contains(&format!("budget is {cheap}; what would fit: recompute cheap ({cheap} bytes)")));
    trainer(Some(cheap), 8, Recompute::Cheap).unwrap();
    trainer(Some(fits[1].1), 4, Recompute::Nothing).unwrap();
}
