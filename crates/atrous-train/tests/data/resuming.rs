//! The same batches whatever the threads and wherever an epoch is entered.

use crate::support::{Custom, all, classes, loader, names, options};
use atrous_train::data::{Augment, Batch, Crop, Dataset, Loader, LoaderOptions, Picture, Sample, Shapes, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Every random change there is.
const EVERYTHING: Augment = Augment {
    horizontal_flip: 0.5,
    vertical_flip: 0.5,
    scale: (0.7, 1.6),
    rotation: 30.0,
    crop: Crop::Random { padding: 2 },
    brightness: 0.3,
    contrast: 0.3,
};

fn shapes(threads: usize, ahead: usize, seed: u64) -> Loader {
    let options = LoaderOptions { shuffle: true, augment: EVERYTHING, seed, threads, ahead, ..options(3, [24, 24]) };
    loader(Shapes::new(20, [32, 32], 5).unwrap(), options)
}

#[test]
fn any_number_of_threads() {
    let alone = all(&shapes(0, 1, 11), 2);
    assert_eq!(alone.len(), 7);
    for (threads, ahead) in [(1, 1), (1, 5), (2, 1), (4, 3), (4, 100), (9, 2)] {
        assert_eq!(all(&shapes(threads, ahead, 11), 2), alone, "{threads} threads, {ahead} ahead");
    }
    assert_eq!(all(&shapes(4, 8, 11), 2), alone, "and again");
    assert_ne!(all(&shapes(4, 8, 12), 2), alone);
    assert_ne!(all(&shapes(4, 8, 11), 3), alone);
}

#[test]
fn from_any_batch() {
    let whole = all(&shapes(0, 1, 1), 4);
    for threads in [0, 3] {
        let loader = shapes(threads, 4, 1);
        for first in 0..=loader.batches() {
            let rest: Vec<Batch> = loader.epoch(4, first).map(Result::unwrap).collect();
            assert_eq!(rest, whole[first..], "from batch {first}, {threads} threads");
        }
    }
}

#[test]
fn each_epoch_changes_a_picture_anew() {
    let augment = EVERYTHING;
    let loader = loader(Shapes::new(2, [32, 32], 5).unwrap(), LoaderOptions { augment, ..options(2, [32, 32]) });
    let epochs: Vec<Batch> = (0..6).map(|epoch| all(&loader, epoch).remove(0)).collect();
    for (i, one) in epochs.iter().enumerate() {
        assert!(epochs[..i].iter().all(|other| other.images != one.images), "epoch {i}");
        let half = one.images.len() / 2;
        assert_ne!(one.images[..half], one.images[half..]);
    }
}

/// Counts how often a sample was read.
fn counting(samples: usize) -> (Arc<AtomicUsize>, impl Dataset) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let read = move |index: usize| {
        counter.fetch_add(1, Ordering::SeqCst);
        let image = Picture::new(1, 1, 1, vec![index as u8])?;
        Ok(Sample { image, targets: vec![Target::Class(index as u32 % 2)] })
    };
    (count, Custom { samples, class_names: names(&["a", "b"]), targets: classes(2), read })
}

#[test]
fn reading_is_so_far_ahead_and_no_farther() {
    let (count, data) = counting(1000);
    let loader = loader(data, LoaderOptions { threads: 4, ahead: 3, ..options(2, [1, 1]) });
    let mut epoch = loader.epoch(0, 0);
    for taken in 0..5 {
        sleep(Duration::from_millis(100));
        assert_eq!(count.load(Ordering::SeqCst), 2 * (taken + 3), "after {taken} batches");
        epoch.next().unwrap().unwrap();
    }
    drop(epoch);
    let at_end = count.load(Ordering::SeqCst);
    sleep(Duration::from_millis(50));
    assert_eq!(count.load(Ordering::SeqCst), at_end, "the threads have ended");
}

#[test]
fn a_panic_of_a_dataset_is_an_error_of_its_batch() {
    for threads in [0, 2] {
        let read = |index: usize| match index {
            7 => panic!("sample seven"),
            _ => Ok(Sample { image: Picture::new(1, 1, 1, vec![0])?, targets: vec![Target::Class(0)] }),
        };
        let data = Custom { samples: 20, class_names: names(&["a", "b"]), targets: classes(2), read };
        let loader = loader(data, LoaderOptions { threads, ..options(2, [1, 1]) });
        let mut epoch = loader.epoch(0, 0);
        for _ in 0..3 {
            epoch.next().unwrap().unwrap();
        }
        let error = epoch.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "batch 3: the dataset panicked: sample seven");
        assert!(epoch.next().is_none(), "it ends the epoch");
    }
}
