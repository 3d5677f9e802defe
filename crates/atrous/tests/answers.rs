//! What a network answers to photographs is what its logits say.

use atrous::prelude::*;
use atrous::vision::{argmax_classes, classify};
use atrous::{Error, Result};
use atrous_golden::{fill, network};

fn predictor(model: &str, wvar: f64) -> Result<Predictor> {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    let network = network(model)?;
    let weights = fill::weights(&*network, "answers/", wvar)?.allow_non_finite();
    Predictor::new(&device, network, &weights, PredictorOptions { size: Some([64, 64]), classes: None })
}

fn photo() -> RgbImage {
    RgbImage::from_fn(64, 64, |x, y| [x * 3 + y, x + y * 5, x * y].map(|v| v as u8).into())
}

/// Networks that enlarge their logits and that do not; all share the parameters of both kinds of sessions.
#[test]
fn class_maps_are_those_of_the_logits() {
    for model in ["small_unet", "small_deeplabv3plus", "smp_unet_resnet18", "smp_pspnet_resnet18"] {
        let mut network = predictor(model, 2.0).unwrap();
        let tensor = network.preprocess().run(&[photo()]).unwrap();
        let logits = network.run_blocking(&tensor).unwrap();
        let want = argmax_classes(logits.f32().unwrap(), logits.shape.dims()).unwrap();
        let map = network.segment_blocking(&photo()).unwrap();
        assert_eq!(map, want[0], "{model}");
        assert!(map.pixel_counts().iter().filter(|count| **count > 0).count() > 1, "{model} sees one class");
        assert_eq!(pollster::block_on(network.segment(&photo())).unwrap(), map);
    }
}

#[test]
fn classes_are_those_of_the_logits() {
    let mut network = predictor("tiny_cnn", 2.0).unwrap();
    let photos = [photo(), RgbImage::new(64, 64)];
    let tensor = network.preprocess().run(&photos).unwrap();
    let logits = network.run_blocking(&tensor).unwrap();
    let rows = logits.f32().unwrap().chunks(logits.shape.sample_len());
    let want: Vec<_> = rows.map(|row| classify(row, 3).unwrap()).collect();
    assert_eq!(network.classify_blocking(&photos, 3).unwrap(), want);
    assert_eq!(pollster::block_on(network.classify(&photos, 3)).unwrap(), want);
    let none = network.classify_blocking(&[], 3).unwrap_err();
    assert!(matches!(none, Error::Vision(atrous::vision::Error::EmptyBatch)), "{none}");
}

#[test]
fn logits_beyond_single_precision_have_no_class() {
    match predictor("small_unet", f64::MAX).unwrap().segment_blocking(&photo()) {
        Ok(_) => panic!("a class map of infinite logits"),
        Err(error) => assert!(error.to_string().contains("logits"), "{error}"),
    }
}
