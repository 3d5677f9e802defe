//! Batches: content, order, sizes.

use crate::support::{PLAIN, all, assert_has, levels, loader, masked, numbered, options, temporary, write_picture};
use atrous_train::data::{Framing, ImageFolder, InMemory, LoaderOptions, Picture, Sample, Shapes, Target, digits};
use atrous_vision::{Filter, Normalize, Preprocess, RgbImage, center_crop, resize, resize_shorter_side};
use image::Rgb;

#[test]
fn batches_of_classes() {
    let loader = loader(numbered(5, 3), options(2, [1, 1]));
    assert_eq!((loader.batches(), loader.shape()), (3, [2, 1, 1, 3]));
    let batches = all(&loader, 0);
    let labels: Vec<&[u32]> = batches.iter().map(|batch| batch.labels()).collect();
    assert_eq!(labels, [&[0, 1][..], &[2, 0], &[1]]);
    assert_eq!(levels(&batches[0]), [0, 0, 0, 1, 1, 1], "grey as three channels");
    assert_eq!(levels(&batches[2]), [4, 4, 4], "the last batch is not filled");
    assert_eq!(batches.iter().map(|batch| batch.samples).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(batches.iter().map(|batch| batch.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(batches.iter().all(|batch| batch.shape == [batch.samples, 1, 1, 3]));
    assert_eq!(loader.rest(), Some(1));
}

#[test]
fn a_batch_larger_than_the_dataset() {
    let loader = loader(numbered(3, 3), options(7, [1, 1]));
    let mut batches = all(&loader, 0);
    assert_eq!((batches.len(), loader.shape(), loader.rest()), (1, [3, 1, 1, 3], None));
    assert_eq!((batches[0].samples, batches[0].labels()), (3, &[0, 1, 2][..]));
    let filled = batches.remove(0).filled(7, 77);
    assert_eq!((filled.samples, filled.shape, filled.labels()), (3, [7, 1, 1, 3], &[0, 1, 2, 77, 77, 77, 77][..]));
    assert_eq!(filled.sample_weights(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let values: Vec<u8> = levels(&filled).chunks(3).map(|pixel| pixel[0]).collect();
    assert_eq!(values, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn dropping_the_last() {
    for (samples, want) in [(5, 2), (6, 3)] {
        let loader = loader(numbered(samples, 2), LoaderOptions { drop_last: true, ..options(2, [1, 1]) });
        assert_eq!((loader.batches(), loader.rest()), (want, None));
        let batches = all(&loader, 0);
        assert_eq!(batches.len(), want);
        assert!(batches.iter().all(|batch| batch.samples == 2 && !batch.labels().contains(&255)));
    }
}

#[test]
fn batches_of_masks() {
    let image = RgbImage::from_fn(2, 2, |x, y| Rgb([x as u8, y as u8, 9]));
    let batches = all(&loader(masked(image, vec![1, 0, 255, 1], 2), options(2, [2, 2])), 0);
    assert_eq!((batches[0].shape, batches[0].samples), ([1, 2, 2, 3], 1));
    assert_eq!(batches[0].labels(), [1, 0, 255, 1]);
    assert_eq!(levels(&batches[0]), [0, 0, 9, 1, 0, 9, 0, 1, 9, 1, 1, 9]);
}

#[test]
fn one_channel() {
    let preprocess = Preprocess::new(Normalize::Green { mean: 0.5, std: 0.5 });
    let batches = all(&loader(digits(), LoaderOptions { preprocess, ..options(300, [8, 8]) }), 0);
    assert_eq!((batches.len(), batches[5].samples), (6, 297));
    assert_eq!((batches[0].shape, batches[0].images.len()), ([300, 8, 8, 1], 300 * 64));
    assert_eq!(batches[0].images[0], -1.0);
    assert!((batches[0].images[3] - (207.0 / 127.5 - 1.0)).abs() < 1e-6);
    assert_eq!(batches[0].labels()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// The order of sample numbers in an epoch.
fn order(options: LoaderOptions, epoch: u64) -> Vec<u8> {
    let batches = all(&loader(numbered(20, 2), options), epoch);
    batches.iter().flat_map(|batch| levels(batch).into_iter().step_by(3).take(batch.samples)).collect()
}

#[test]
fn shuffled_order() {
    let shuffled = LoaderOptions { shuffle: true, seed: 7, ..options(3, [1, 1]) };
    // Made by an implementation of ChaCha8 and of the shuffle in Python.
    assert_eq!(order(shuffled, 3), [12, 10, 5, 15, 9, 11, 1, 8, 2, 4, 18, 16, 7, 19, 0, 3, 13, 17, 6, 14]);
    assert_eq!(order(LoaderOptions { batch: 5, threads: 3, ..shuffled }, 3), order(shuffled, 3));
    assert_ne!(order(shuffled, 4), order(shuffled, 3), "each epoch has its own");
    assert_ne!(order(LoaderOptions { seed: 8, ..shuffled }, 3), order(shuffled, 3));
    let mut sorted = order(shuffled, 4);
    sorted.sort();
    assert_eq!(sorted, (0..20).collect::<Vec<u8>>());
    assert_eq!(order(LoaderOptions { shuffle: false, ..shuffled }, 3), (0..20).collect::<Vec<u8>>());
}

/// A rough picture, so that every pixel counts.
fn pattern(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| ((7 * x * x + 13 * y + 5 * x * y + 91 * c) % 256) as u8))
    })
}

/// What a loader makes of one picture.
fn framed(image: &RgbImage, framing: Framing, size: [usize; 2]) -> Vec<u8> {
    let sample =
        |class| Sample { image: Picture::try_from(image.clone()).unwrap(), targets: vec![Target::Class(class)] };
    let names = vec!["a".to_owned(), "b".to_owned()];
    let data = InMemory::new("pattern", names, vec![sample(0), sample(1)]).unwrap();
    levels(&all(&loader(data, LoaderOptions { framing, ..options(1, size) }), 0)[0])
}

#[test]
fn other_sizes_are_framed_as_torchvision_does() {
    for (width, height) in [(40, 30), (30, 41), (21, 21), (10, 13), (16, 16)] {
        let image = pattern(width, height);
        let stretched = resize(&image, 20, 16, Filter::Bilinear).unwrap();
        assert_eq!(framed(&image, Framing::Stretch, [16, 20]), stretched.into_raw());
        let covering = resize_shorter_side(&image, 16, Filter::Bilinear).unwrap();
        let covering = center_crop(&covering, 16, 16).unwrap();
        assert_eq!(framed(&image, Framing::Cover, [16, 16]), covering.into_raw(), "{width}×{height}");
        let kept = center_crop(&image, 17, 18).unwrap();
        assert_eq!(framed(&image, Framing::Keep, [18, 17]), kept.into_raw(), "{width}×{height}");
    }
}

#[test]
fn covering_leaves_no_border() {
    for (width, height) in [(5, 100), (100, 5), (64, 48), (48, 64), (33, 17)] {
        let image = RgbImage::from_pixel(width, height, Rgb([200; 3]));
        for size in [[16, 48], [48, 16], [31, 31]] {
            assert!(framed(&image, Framing::Cover, size).iter().all(|&value| value == 200), "{width}×{height}");
        }
    }
}

#[test]
fn masks_are_framed_by_the_nearest_pixel() {
    let image = pattern(9, 7);
    let classes: Vec<u8> = (0..63).map(|i| (i * i % 21) as u8).collect();
    let data = masked(image, classes.clone(), 21);
    let mask = atrous_vision::ClassMap::new(9, 7, classes).unwrap().resize(20, 12).unwrap();
    let batches = all(&loader(data, LoaderOptions { framing: Framing::Stretch, ..options(1, [12, 20]) }), 0);
    assert_eq!(batches[0].labels(), mask.classes().iter().map(|&class| u32::from(class)).collect::<Vec<_>>());
}

#[test]
fn pictures_from_files() {
    let root = temporary();
    write_picture(root.path(), "a/1.png", (30, 20), [10, 20, 30]);
    write_picture(root.path(), "b/1.png", (20, 30), [40, 50, 60]);
    let data = ImageFolder::open(root.path()).unwrap();
    let batches = all(&loader(data, LoaderOptions { threads: 2, ..options(2, [8, 8]) }), 0);
    assert_eq!(levels(&batches[0]), [[10, 20, 30].repeat(64), [40, 50, 60].repeat(64)].concat());
    assert_eq!(batches[0].labels(), [0, 1]);
}

#[test]
fn defaults() {
    let options = LoaderOptions::new(4, [32, 32], PLAIN);
    assert!(options.threads >= 1 && options.ahead >= options.threads);
    let loader = loader(Shapes::new(10, [32, 32], 1).unwrap(), options);
    assert_eq!((loader.options(), loader.dataset().len()), (&options, 10));
    assert_eq!(all(&loader, 0).len(), 3);
    assert!(loader.skipped().is_empty());
    let beyond = loader.epoch(0, 4).next().unwrap().unwrap_err();
    assert_has(&beyond.to_string(), &["cannot start at batch 4 of an epoch of 3 batches"]);
}
