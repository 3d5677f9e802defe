//! Random changes: the picture and its mask go the same way, and each change does what it says.

use crate::support::{all, levels, loader, masked, options};
use atrous_train::data::{Augment, Batch, Crop, Framing, InMemory, LoaderOptions};
use atrous_vision::RgbImage;
use image::Rgb;
use std::collections::BTreeSet;

const EPOCHS: u64 = 40;
const COLOURS: [[u8; 3]; 5] = [[250, 60, 60], [60, 250, 60], [60, 60, 250], [250, 250, 60], [60, 250, 250]];

/// Patches of 12×10 pixels in no regular order, whose colours are those of their classes.
fn patches() -> InMemory {
    let class = |x: u32, y: u32| [0, 1, 2, 3, 1, 4, 0, 2, 3, 4, 2, 0][(x / 12 + 4 * (y / 10)) as usize];
    let image = RgbImage::from_fn(48, 30, |x, y| Rgb(COLOURS[usize::from(class(x, y))]));
    let classes = (0..30).flat_map(|y| (0..48).map(move |x| class(x, y))).collect();
    masked(image, classes, 5)
}

/// What becomes of one sample in each of many epochs.
fn epochs(data: InMemory, size: [usize; 2], framing: Framing, augment: Augment) -> Vec<Batch> {
    let loader = loader(data, LoaderOptions { augment, framing, seed: 3, ..options(1, size) });
    (0..EPOCHS).flat_map(|epoch| all(&loader, epoch)).collect()
}

/// The distinct ones of many results.
fn distinct(batches: &[Batch]) -> usize {
    let labels: BTreeSet<&[u32]> = batches.iter().map(|batch| batch.labels()).collect();
    labels.len()
}

#[test]
fn picture_and_mask_stay_aligned_under_every_change() {
    let flips = Augment { horizontal_flip: 0.5, vertical_flip: 0.5, ..Augment::NONE };
    let crop = Augment { crop: Crop::Random { padding: 6 }, ..Augment::NONE };
    let together = Augment { scale: (0.6, 2.0), rotation: 180.0, ..flips };
    for augment in [
        Augment::NONE,
        flips,
        crop,
        Augment { scale: (0.5, 2.0), ..Augment::NONE },
        Augment { rotation: 45.0, ..Augment::NONE },
        together,
        Augment { crop: Crop::Random { padding: 0 }, ..together },
    ] {
        for (framing, size) in [(Framing::Cover, [36, 36]), (Framing::Stretch, [40, 40]), (Framing::Keep, [25, 37])] {
            let batches = epochs(patches(), size, framing, augment);
            assert!(augment == Augment::NONE || distinct(&batches) > 3, "{augment:?} changes little");
            let mut compared = 0;
            for batch in &batches {
                let pixels = levels(batch);
                for (at, label) in inner(batch.labels(), size) {
                    let want = if label == 255 { [0; 3] } else { COLOURS[label as usize] };
                    assert_eq!(pixels[3 * at..][..3], want, "{augment:?} {framing:?}");
                    compared += 1;
                }
            }
            assert!(compared > 30 * EPOCHS as usize, "{compared} {augment:?} {framing:?}");
        }
    }
}

/// Pixels with one label in the 7×7 around them: there the interpolation of the picture meets one colour only.
fn inner(labels: &[u32], size: [usize; 2]) -> Vec<(usize, u32)> {
    let [height, width] = size;
    let positions = (3..height - 3).flat_map(|y| (3..width - 3).map(move |x| (x, y)));
    let at = |x: usize, y: usize| labels[y * width + x];
    let uniform = |&(x, y): &(usize, usize)| (y - 3..=y + 3).all(|v| (x - 3..=x + 3).all(|u| at(u, v) == at(x, y)));
    positions.filter(uniform).map(|(x, y)| (y * width + x, at(x, y))).collect()
}

#[test]
fn masks_are_never_interpolated() {
    // A fine mixture of far-apart labels: any mean of two would be another label.
    let labels = [0u8, 7, 20, 255];
    let classes: Vec<u8> = (0..31 * 23).map(|i| labels[(i * i / 3 + i) % 4]).collect();
    let augment = Augment { scale: (0.4, 2.5), rotation: 90.0, crop: Crop::Random { padding: 3 }, ..Augment::NONE };
    for framing in [Framing::Cover, Framing::Stretch, Framing::Keep] {
        let data = masked(RgbImage::new(31, 23), classes.clone(), 21);
        for batch in epochs(data, [17, 19], framing, augment) {
            assert!(batch.labels().iter().all(|label| labels.contains(&(*label as u8)) && *label < 256));
        }
    }
}

/// A picture whose red value is the column plus 1 and whose green value is the row plus 1, with equal labels.
fn coordinates(width: u32, height: u32) -> InMemory {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8 + 1, y as u8 + 1, 0]));
    let classes = (0..height).flat_map(|y| (0..width).map(move |x| (x + width * y) as u8)).collect();
    masked(image, classes, (width * height) as usize)
}

/// For every pixel of a batch of [`coordinates`] the column and row of the source, `None` in the padding.
fn sources(batch: &Batch, width: u32) -> Vec<Option<(i64, i64)>> {
    let pixels = levels(batch);
    let source = |(pixel, &label): (&[u8], &u32)| match (pixel, label) {
        ([0, 0, 0], 255) => None,
        ([red, green, 0], label) => {
            let place = (i64::from(*red) - 1, i64::from(*green) - 1);
            assert_eq!(place.0 + place.1 * i64::from(width), i64::from(label), "picture and mask differ");
            Some(place)
        }
        other => panic!("neither picture nor padding: {other:?}"),
    };
    pixels.chunks_exact(3).zip(batch.labels()).map(source).collect()
}

#[test]
fn flips_are_exact_and_as_likely_as_asked() {
    for (across, down) in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)] {
        let augment = Augment { horizontal_flip: across, vertical_flip: down, ..Augment::NONE };
        for batch in epochs(coordinates(12, 9), [9, 12], Framing::Cover, augment) {
            for (i, source) in (0..).zip(sources(&batch, 12)) {
                let (x, y) = (i % 12, i / 12);
                let want = (if across == 1.0 { 11 - x } else { x }, if down == 1.0 { 8 - y } else { y });
                assert_eq!(source, Some(want));
            }
        }
    }
    let half = Augment { horizontal_flip: 0.5, vertical_flip: 0.5, ..Augment::NONE };
    let batches = epochs(coordinates(12, 9), [9, 12], Framing::Cover, half);
    let corners: Vec<(i64, i64)> = batches.iter().map(|batch| sources(batch, 12)[0].unwrap()).collect();
    for corner in [(0, 0), (11, 0), (0, 8), (11, 8)] {
        let count = corners.iter().filter(|&&found| found == corner).count();
        assert!((3..=20).contains(&count), "{corner:?} {count} times in {EPOCHS}");
    }
}

#[test]
fn random_crops_are_exact_and_reach_everywhere() {
    // Size of the picture, padding, and the offsets that the window of 6×8 can have.
    for (size, padding, across, down) in [
        ((12, 9), 0, 0..=4, 0..=3),
        ((8, 6), 2, -2..=2, -2..=2),
        ((5, 4), 0, -3..=0, -2..=0),
        ((8, 9), 0, 0..=0, 0..=3),
    ] {
        let augment = Augment { crop: Crop::Random { padding }, ..Augment::NONE };
        let mut seen = (BTreeSet::new(), BTreeSet::new());
        for batch in epochs(coordinates(size.0, size.1), [6, 8], Framing::Keep, augment) {
            let sources = sources(&batch, size.0);
            let (i, first) = (0..).zip(&sources).find_map(|(i, source)| Some((i, (*source)?))).unwrap();
            let offset = (first.0 - i % 8, first.1 - i / 8);
            for (i, source) in (0..).zip(sources) {
                let place = (i % 8 + offset.0, i / 8 + offset.1);
                let inside = (0..i64::from(size.0)).contains(&place.0) && (0..i64::from(size.1)).contains(&place.1);
                assert_eq!(source, inside.then_some(place));
            }
            seen.0.insert(offset.0);
            seen.1.insert(offset.1);
        }
        assert_eq!(seen, (across.collect(), down.collect()), "{size:?} padded by {padding}");
    }
}

#[test]
fn centred_crops_pad_with_black_and_the_ignore_label() {
    let batch = epochs(coordinates(3, 2), [4, 6], Framing::Keep, Augment::NONE).remove(0);
    let pads = (0..24).map(|i: i64| (i % 6 - 1, i / 6 - 1));
    let want = pads.map(|(x, y)| ((0..3).contains(&x) && (0..2).contains(&y)).then_some((x, y)));
    assert_eq!(sources(&batch, 3), want.collect::<Vec<_>>());
}

#[test]
fn scale_is_about_the_centre() {
    let class = |i: u32| u8::from((2..6).contains(&(i % 8)) && (2..6).contains(&(i / 8)));
    let data = || masked(RgbImage::from_pixel(8, 8, Rgb([9; 3])), (0..64).map(class).collect(), 2);
    let scaled = |scale| epochs(data(), [8, 8], Framing::Cover, Augment { scale: (scale, scale), ..Augment::NONE });
    assert!(scaled(2.0)[0].labels().iter().all(|&label| label == 1), "the middle fills the window");
    let half = &scaled(0.5)[0];
    for (i, &label) in (0..).zip(half.labels()) {
        let inside = class(i) == 1;
        assert_eq!(label == 255, !inside, "the picture fills the middle");
        assert_eq!(levels(half)[3 * i as usize], if inside { 9 } else { 0 });
    }
    let batches = epochs(data(), [8, 8], Framing::Cover, Augment { scale: (0.5, 2.0), ..Augment::NONE });
    let areas: BTreeSet<usize> =
        batches.iter().map(|b| b.labels().iter().filter(|&&label| label == 1).count()).collect();
    assert!(areas.len() > 4 && areas.first() < Some(&10) && areas.last() > Some(&45), "{areas:?}");
}

#[test]
fn rotation_is_about_the_centre_within_its_angle() {
    // A bar through the centre, from left to right.
    let bar = |size: u32| (0..size * size).map(|i| u8::from((i / size).abs_diff(size / 2) <= 1)).collect::<Vec<u8>>();
    let data = || masked(RgbImage::new(41, 41), bar(41), 2);
    let mut largest = 0.0f64;
    for batch in epochs(data(), [41, 41], Framing::Cover, Augment { rotation: 20.0, ..Augment::NONE }) {
        assert_eq!(batch.labels()[20 * 41 + 20], 1, "the centre stays");
        // The bar's middle in the column 15 left of the centre.
        let rows: Vec<usize> = (0..41).filter(|y| batch.labels()[y * 41 + 5] == 1).collect();
        let middle = rows.iter().sum::<usize>() as f64 / rows.len() as f64;
        let angle = ((middle - 20.0) / 15.0).atan().to_degrees();
        assert!(angle.abs() < 22.0, "{angle}");
        largest = largest.max(angle.abs());
    }
    assert!(largest > 15.0, "{largest}");
}

/// A grey ramp of 200 values with black padding to the right.
fn ramp(augment: Augment) -> Vec<Vec<u8>> {
    let data = masked(RgbImage::from_fn(200, 1, |x, _| Rgb([x as u8 + 1; 3])), vec![1; 200], 2);
    let batches = epochs(data, [1, 220], Framing::Keep, augment);
    let check = |batch: &Batch| {
        let inside: Vec<bool> = (0..220).map(|x| (10..210).contains(&x)).collect();
        assert_eq!(batch.labels().iter().map(|&label| label == 1).collect::<Vec<_>>(), inside, "the mask stays");
        let values: Vec<u8> = levels(batch).into_iter().step_by(3).collect();
        assert!((0..220).all(|x| inside[x] || values[x] == 0), "the padding stays black");
        values[10..210].to_vec()
    };
    batches.iter().map(check).collect()
}

#[test]
fn brightness_multiplies() {
    let mut factors = Vec::new();
    for values in ramp(Augment { brightness: 0.4, ..Augment::NONE }) {
        let factor = f64::from(values[99]) / 100.0;
        assert!((0.595..1.405).contains(&factor), "{factor}");
        for (level, &value) in (1..).zip(&values) {
            assert!((f64::from(value) - (factor * f64::from(level)).min(255.0)).abs() <= 1.6, "{level}: {value}");
        }
        factors.push(factor);
    }
    assert!(factors.iter().any(|&f| f < 0.75) && factors.iter().any(|&f| f > 1.25), "{factors:?}");
}

#[test]
fn contrast_stretches_about_the_mean() {
    let mut factors = Vec::new();
    for values in ramp(Augment { contrast: 0.4, ..Augment::NONE }) {
        let factor = (f64::from(values[150]) - f64::from(values[50])) / 100.0;
        assert!((0.58..1.42).contains(&factor), "{factor}");
        for (level, &value) in (1..).zip(&values) {
            let want = (100.5 + factor * (f64::from(level) - 100.5)).clamp(0.0, 255.0);
            assert!((f64::from(value) - want).abs() <= 1.6, "{level}: {value}, not {want}");
        }
        factors.push(factor);
    }
    assert!(factors.iter().any(|&f| f < 0.75) && factors.iter().any(|&f| f > 1.25), "{factors:?}");
    let flat = masked(RgbImage::from_pixel(4, 4, Rgb([77, 77, 77])), vec![0; 16], 2);
    for batch in epochs(flat, [4, 4], Framing::Cover, Augment { contrast: 1.0, ..Augment::NONE }) {
        assert_eq!(levels(&batch), [77; 48]);
    }
}

#[test]
fn one_change_does_not_move_another() {
    let crop = Augment { crop: Crop::Random { padding: 4 }, ..Augment::NONE };
    let alone = epochs(coordinates(12, 9), [9, 12], Framing::Cover, crop);
    let brighter = epochs(coordinates(12, 9), [9, 12], Framing::Cover, Augment { brightness: 0.5, ..crop });
    assert!(alone.iter().zip(&brighter).all(|(alone, brighter)| alone.labels() == brighter.labels()));
    assert!(alone.iter().zip(&brighter).any(|(alone, brighter)| alone.images != brighter.images));
}
