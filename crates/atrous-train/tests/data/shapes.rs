//! Pictures made on the fly.

use crate::support::{assert_has, mask_of, pixels, text};
use atrous_train::data::{Dataset, Shapes};

const SIZE: [usize; 2] = [64, 64];

fn set(seed: u64) -> Shapes {
    Shapes::new(200, SIZE, seed).unwrap()
}

#[test]
fn a_sample_is_a_function_of_seed_and_index() {
    let (few, many) = (Shapes::new(3, SIZE, 9).unwrap(), Shapes::new(100, SIZE, 9).unwrap());
    assert_eq!(few.get(2).unwrap(), many.get(2).unwrap());
    assert_eq!(few.get(2).unwrap(), few.get(2).unwrap());
    assert_ne!(few.get(1).unwrap(), few.get(2).unwrap());
    assert_ne!(few.get(2).unwrap(), Shapes::new(3, SIZE, 10).unwrap().get(2).unwrap());
    assert_eq!(few.describe(2), "shapes: picture 2 of seed 9");
}

#[test]
fn every_class_occurs_and_none_rules() {
    let data = set(1);
    assert_eq!(data.class_names(), ["background", "disc", "square", "triangle"]);
    assert_eq!((data.len(), data.targets()), (200, pixels(4)));
    let mut pixels = [0u64; 4];
    let mut pictures = [0; 4];
    for index in 0..data.len() {
        let sample = data.get(index).unwrap();
        assert_eq!((sample.image.width(), sample.image.height(), sample.image.channels()), (64, 64, 3));
        let counts = mask_of(&sample).pixel_counts();
        assert!(counts[4..].iter().all(|&count| count == 0));
        assert!(counts[1..4].iter().any(|&count| count > 0), "picture {index} has no shape");
        for class in 0..4 {
            pixels[class] += counts[class];
            pictures[class] += usize::from(counts[class] > 0);
        }
    }
    let all: u64 = pixels.iter().sum();
    let share = |class: usize| pixels[class] as f64 / all as f64;
    assert!((0.5..0.85).contains(&share(0)), "background {pixels:?}");
    for class in 1..4 {
        assert!(share(class) > 0.02, "class {class} {pixels:?}");
        assert!((40..150).contains(&pictures[class]), "class {class} {pictures:?}");
    }
}

/// A class has no colour of its own: its mean colour over many pictures is about that of every other class.
#[test]
fn colours_do_not_tell_classes() {
    let data = set(2);
    let mut sums = [[0.0; 3]; 4];
    let mut counts = [0.0; 4];
    for index in 0..data.len() {
        let sample = data.get(index).unwrap();
        for (pixel, &class) in sample.image.pixels().chunks_exact(3).zip(mask_of(&sample).classes()) {
            counts[usize::from(class)] += 1.0;
            (0..3).for_each(|c| sums[usize::from(class)][c] += f64::from(pixel[c]));
        }
    }
    for class in 0..4 {
        let mean = sums[class].map(|sum| sum / counts[class]);
        assert!(mean.iter().all(|value| (100.0..155.0).contains(value)), "class {class} {mean:?}");
    }
}

#[test]
fn shapes_stand_out_from_what_is_beside_them() {
    let data = set(3);
    let (mut borders, mut faint) = (0, 0);
    for index in 0..data.len() {
        let sample = data.get(index).unwrap();
        let classes = mask_of(&sample).classes();
        for (classes, pixels) in classes.chunks(64).zip(sample.image.pixels().chunks(3 * 64)) {
            for x in 1..64 {
                if classes[x - 1] != classes[x] {
                    let step: u32 = (0..3).map(|c| u32::from(pixels[3 * x + c].abs_diff(pixels[3 * x - 3 + c]))).sum();
                    borders += 1;
                    faint += usize::from(step < 60);
                }
            }
        }
    }
    assert!(borders > 5000 && faint * 100 < borders, "{faint} of {borders} borders are faint");
}

#[test]
fn other_sizes() {
    for size in [[16, 16], [24, 100], [128, 32]] {
        let sample = Shapes::new(1, size, 4).unwrap().get(0).unwrap();
        assert_eq!([sample.image.height() as usize, sample.image.width() as usize], size);
        assert!(mask_of(&sample).pixel_counts()[0] < (size[0] * size[1]) as u64);
    }
    assert_has(&text(Shapes::new(0, SIZE, 1)), &["shapes: no samples"]);
    for size in [[15, 64], [64, 0], [64, 5000]] {
        let must = format!("must be 16 to 4096 pixels a side, got {}×{}", size[0], size[1]);
        assert_has(&text(Shapes::new(1, size, 1)), &[&must]);
    }
    assert_eq!(text(set(1).get(200)), "sample 200 of a dataset of 200");
}
