//! Predictors go on after their device was lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use atrous::gpu::GpuError;
use atrous::gpu::wgpu;
use atrous::graph::{ParameterSource, SourceError, TensorType};
use atrous::prelude::*;
use atrous::{Error, Result};
use atrous_golden::{fill, network};

fn device() -> Device {
    Device::from_env_blocking().expect("the tests need an adapter")
}

fn weights(model: &str) -> Weights {
    fill::weights(&*network(model).unwrap(), "lost/", 2.0).unwrap()
}

/// A predictor, and the device in use, whichever took the place of the first.
fn predictor(model: &str) -> (Predictor, Arc<Mutex<Device>>) {
    let device = device();
    let current = Arc::new(Mutex::new(device.clone()));
    let follows = current.clone();
    device.on_reopen(move |device| *follows.lock().unwrap() = device.clone());
    let network = network(model).unwrap();
    (Predictor::new(&device, network, &weights(model), PredictorOptions::default()).unwrap(), current)
}

fn lose(current: &Mutex<Device>) {
    current.lock().unwrap().destroy();
}

/// Photographs of different content and size.
fn photos(count: u32) -> Vec<RgbImage> {
    let pixel = |i: u32| move |x: u32, y: u32| [x * (3 + i) + y, x + y * 5 * i, x * y + 90 * i].map(|v| v as u8).into();
    (0..count).map(|i| RgbImage::from_fn(40 + 3 * i, 50 - 2 * (i % 2), pixel(i))).collect()
}

#[test]
fn every_answer_of_a_classifier_survives() {
    let (mut network, current) = predictor("tiny_cnn");
    let photos = photos(2);
    let images = network.preprocess().run(&vec![RgbImage::from_pixel(32, 32, [90, 20, 200].into()); 2]).unwrap();
    let names = ["pointwise"];
    let logits = network.run_blocking(&images).unwrap();
    let classes = network.classify_blocking(&photos, 3).unwrap();
    let inner = network.features_blocking(&images, &names).unwrap();
    for _ in 0..3 {
        lose(&current);
        assert_eq!(network.run_blocking(&images).unwrap().f32().unwrap(), logits.f32().unwrap());
        lose(&current);
        assert_eq!(network.classify_blocking(&photos, 3).unwrap(), classes);
        lose(&current);
        let again = network.features_blocking(&images, &names).unwrap();
        assert_eq!(again.f32(names[0]).unwrap(), inner.f32(names[0]).unwrap());
        pollster::block_on(async {
            lose(&current);
            assert_eq!(network.run(&images).await.unwrap().f32().unwrap(), logits.f32().unwrap());
            lose(&current);
            assert_eq!(network.classify(&photos, 3).await.unwrap(), classes);
            lose(&current);
            let again = network.features(&images, &names).await.unwrap();
            assert_eq!(again.f32(names[0]).unwrap(), inner.f32(names[0]).unwrap());
        });
    }
}

#[test]
fn every_answer_of_a_segmentation_network_survives() {
    let (mut network, current) = predictor("small_unet");
    let photo = photos(1).remove(0);
    let map = network.segment_blocking(&photo).unwrap();
    let probabilities = network.probabilities_blocking(std::slice::from_ref(&photo)).unwrap();
    for _ in 0..2 {
        lose(&current);
        assert_eq!(network.segment_blocking(&photo).unwrap(), map);
        lose(&current);
        assert_eq!(network.probabilities_blocking(std::slice::from_ref(&photo)).unwrap(), probabilities);
        pollster::block_on(async {
            lose(&current);
            assert_eq!(network.segment(&photo).await.unwrap(), map);
            lose(&current);
            assert_eq!(network.probabilities(std::slice::from_ref(&photo)).await.unwrap(), probabilities);
        });
    }
}

#[test]
fn streams_survive_losses_at_every_photograph() {
    let (mut network, current) = predictor("tiny_cnn");
    let photos = photos(7);
    let want: Vec<_> =
        network.classify_many_blocking(photos.iter().cloned().map(Ok), 4, 2).unwrap().collect::<Result<_>>().unwrap();
    // The device is lost while a photograph is read, with up to two batches under way.
    for lost_at in 0..7 {
        let read = photos.iter().enumerate().map(|(i, photo)| {
            if i == lost_at {
                lose(&current);
            }
            Ok(photo.clone())
        });
        let got = network.classify_many_blocking(read, 4, 2).unwrap().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(got, want, "lost at {lost_at}");
    }
    // After every result.
    let mut stream = network.classify_many(photos.iter().cloned().map(Ok), 4, 2).unwrap();
    let mut got = Vec::new();
    while let Some(best) = pollster::block_on(stream.next()) {
        got.push(best.unwrap());
        lose(&current);
    }
    assert_eq!(got, want);

    let (mut network, current) = predictor("small_unet");
    let want: Vec<_> =
        network.segment_many_blocking(photos.iter().cloned().map(Ok)).unwrap().collect::<Result<_>>().unwrap();
    let mut maps = network.segment_many_blocking(photos.iter().cloned().map(Ok)).unwrap();
    for map in want {
        assert_eq!(maps.next().unwrap().unwrap(), map);
        lose(&current);
    }
}

#[test]
fn weights_that_have_changed_meanwhile_are_not_taken_for_the_same() {
    /// Values that the test changes.
    struct Changing(Arc<Mutex<f32>>);

    impl ParameterSource for Changing {
        fn write(&self, _: &str, ty: TensorType, device: &mut [f32]) -> std::result::Result<(), SourceError> {
            ty.pack(&vec![*self.0.lock().unwrap(); ty.shape.len()], device);
            Ok(())
        }
    }

    let value = Arc::new(Mutex::new(0.5));
    let weights = Weights::source(Changing(value.clone()));
    let device = device();
    let tiny = network("tiny_cnn").unwrap();
    let mut network = Predictor::new(&device, tiny, &weights, PredictorOptions::default()).unwrap();
    *value.lock().unwrap() = 0.25;
    device.destroy();
    let error = network.classify_blocking(&photos(1), 1).unwrap_err();
    assert!(matches!(error, Error::WeightsChanged { .. }), "{error}");
    assert!(error.to_string().contains("the weights of TinyCnn have changed"), "{error}");
}

#[test]
fn a_device_that_is_lost_again_and_again_is_an_error() {
    let (device, destroys) = (device(), Arc::new(AtomicBool::new(true)));
    let still = destroys.clone();
    device.on_reopen(move |device| {
        if still.load(Ordering::Relaxed) {
            device.destroy();
        }
    });
    let mut network =
        Predictor::new(&device, network("tiny_cnn").unwrap(), &weights("tiny_cnn"), PredictorOptions::default())
            .unwrap();
    device.destroy();
    let error = network.classify_blocking(&photos(1), 1).unwrap_err();
    assert!(matches!(error, Error::Gpu(GpuError::DeviceLost(_))), "{error}");
    // When the adapter is well again, so is the predictor.
    destroys.store(false, Ordering::Relaxed);
    network.classify_blocking(&photos(1), 1).unwrap();
}

#[test]
fn a_device_of_the_program_is_left_to_it() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let adapter = adapters.first().expect("the tests need an adapter");
    let (raw, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let given = Device::from_wgpu_blocking(adapter, raw.clone(), queue, DeviceOptions::default()).unwrap();
    let mut network =
        Predictor::new(&given, network("tiny_cnn").unwrap(), &weights("tiny_cnn"), PredictorOptions::default())
            .unwrap();
    network.classify_blocking(&photos(1), 1).unwrap();
    raw.destroy();
    let error = network.classify_blocking(&photos(1), 1).unwrap_err();
    assert!(matches!(error, Error::Gpu(GpuError::DeviceLost(_))), "{error}");
}
