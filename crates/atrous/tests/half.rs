//! A predictor whose networks are stored in f16.

use atrous::gpu::GpuError;
use atrous::prelude::*;
use atrous::vision::ImageTensor;
use atrous_golden::{fill, network};

fn predictor(model: &str, precision: Precision) -> Option<Predictor> {
    let options = DeviceOptions { precision, ..DeviceOptions::from_env().expect("a legal environment") };
    let device = match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Err(GpuError::NoF16 { .. }) => return None,
        opened => opened.expect("the tests need an adapter"),
    };
    let network = network(model).unwrap();
    let weights = fill::weights(&*network, "half/", 2.0).unwrap();
    Some(Predictor::new(&device, network, &weights, PredictorOptions { size: Some([32, 32]), classes: None }).unwrap())
}

/// Were every rounding as large as it can be, and none to cancel another, they would add up: some fifty of `2^-11`.
const ALLOWED: f32 = 50.0 / 2048.0;

#[test]
fn predictions_are_those_of_f32_but_for_the_rounding() {
    for name in ["tiny_cnn", "small_unet"] {
        let Some(mut half) = predictor(name, Precision::F16) else { return };
        let mut full = predictor(name, Precision::F32).expect("an adapter");
        let data: Vec<f32> = (0..32 * 32 * 3).map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0).collect();
        let images = ImageTensor { shape: [1, 32, 32, 3], data };
        let [got, want] = [&mut half, &mut full].map(|network| network.run_blocking(&images).unwrap());
        let (got, want) = (got.f32().unwrap(), want.f32().unwrap());
        let largest = want.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let off = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off > 0.0 && off <= ALLOWED * largest, "{name}: off by {off} of {largest}");
        // Both sessions of a segmentation network read the same parameters.
        let photo = RgbImage::from_fn(32, 32, |x, y| [x as u8 * 5, y as u8 * 3, (x * y) as u8].into());
        match name {
            "tiny_cnn" => drop(half.classify_blocking(&[photo], 3).unwrap()),
            _ => drop(half.segment_blocking(&photo).unwrap()),
        }
    }
}
