//! Streams of photographs give what single calls give.

use atrous::prelude::*;
use atrous::{Error, Result};
use atrous_golden::{fill, network};

fn predictor(model: &str, options: PredictorOptions) -> Predictor {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    let network = network(model).unwrap();
    let weights = fill::weights(&*network, "streams/", 2.0).unwrap();
    Predictor::new(&device, network, &weights, options).unwrap()
}

/// Photographs of different content and size.
fn photos(count: u32) -> Vec<RgbImage> {
    let pixel = |i: u32| move |x: u32, y: u32| [x * (3 + i) + y, x + y * 5 * i, x * y + 90 * i].map(|v| v as u8).into();
    (0..count).map(|i| RgbImage::from_fn(40 + 3 * i, 50 - 2 * (i % 2), pixel(i))).collect()
}

fn unreadable() -> atrous::vision::Error {
    load_rgb8("no such file.png", &ImageLimits::default()).unwrap_err()
}

#[test]
fn classes_of_a_stream_are_those_of_its_batches() {
    let mut network = predictor("tiny_cnn", PredictorOptions::default());
    let photos = photos(7);
    let mut want = Vec::new();
    for batch in [&photos[..3], &photos[3..6]] {
        want.extend(network.classify_blocking(batch, 4).unwrap());
    }
    // The last batch is filled up with black.
    let last = [photos[6].clone(), RgbImage::new(32, 32), RgbImage::new(32, 32)];
    want.push(network.classify_blocking(&last, 4).unwrap().remove(0));
    let stream = network.classify_many_blocking(photos.iter().cloned().map(Ok), 4, 3).unwrap();
    assert_eq!(stream.collect::<Result<Vec<_>>>().unwrap(), want);
    let awaited = pollster::block_on(async {
        let mut stream = network.classify_many(photos.into_iter().map(Ok), 4, 3).unwrap();
        let mut all = Vec::new();
        while let Some(best) = stream.next().await {
            all.push(best.unwrap());
        }
        all
    });
    assert_eq!(awaited, want);
}

#[test]
fn a_photograph_that_cannot_be_read_is_named_and_the_others_are_classified() {
    let mut network = predictor("tiny_cnn", PredictorOptions::default());
    let photos = photos(4);
    let want = network.classify_blocking(&photos, 2).unwrap();
    let items = [Ok(0), Err(()), Ok(1), Ok(2), Ok(3), Err(())];
    let items = items.map(|item| item.map(|i: usize| photos[i].clone()).map_err(|()| unreadable()));
    let results: Vec<_> = network.classify_many_blocking(items, 2, 4).unwrap().collect();
    assert_eq!(results.len(), 6);
    for (i, result) in results.into_iter().enumerate() {
        match (i, result) {
            (1 | 5, Err(Error::Photo { index, source })) => {
                assert_eq!(index, i);
                assert!(source.to_string().contains("no such file.png"), "{source}");
            }
            (0, best) => assert_eq!(best.unwrap(), want[0]),
            (_, best) => assert_eq!(best.unwrap(), want[i - 1]),
        }
    }
    assert!(network.classify_many_blocking([Err(unreadable())], 2, 4).unwrap().next().unwrap().is_err());
    assert!(network.classify_many_blocking([], 2, 4).unwrap().next().is_none());
    assert!(network.classify_many([], 0, 4).is_err());
    assert!(network.segment_many([]).is_err());
}

#[test]
fn maps_of_a_stream_are_those_of_single_photographs_of_any_size() {
    let mut network = predictor("small_unet", PredictorOptions::default());
    let wide = RgbImage::from_fn(70, 30, |x, y| [x as u8, y as u8, 7].into());
    let [first, second] = [0, 1].map(|i| photos(2)[i].clone());
    let photos = [first.clone(), second, wide, first];
    let want: Vec<ClassMap> = photos.iter().map(|photo| network.segment_blocking(photo).unwrap()).collect();
    let maps: Result<Vec<ClassMap>> = network.segment_many_blocking(photos.map(Ok)).unwrap().collect();
    assert_eq!(maps.unwrap(), want);
}
