//! Dropout: the generator's words, the mask by position, seeds and streams.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::{Case, Expected, device};

use crate::grads::devices;
use crate::others::SHAPES;

pub(crate) fn dropout(x: Shape, rate: f32, stream: u32) -> Case {
    dropout_of(DropoutUnit::Element, x, rate, stream)
}

pub(crate) fn dropout_of(unit: DropoutUnit, x: Shape, rate: f32, stream: u32) -> Case {
    let seed = TensorType::map(Shape::channels(1));
    Case { op: Op::Dropout(Dropout { rate, stream, unit }), inputs: vec![TensorType::image(x), seed] }
}

const KEYS: [(u32, u32); 4] = [(0, 0), (1, 0), (0, 1), (0xdead_be00, u32::MAX)];

/// Inputs none of which is zero, so that every bit of the mask shows, and a seed.
fn drop(x: Shape, rate: f32, key: (u32, u32)) -> Expected {
    drop_of(DropoutUnit::Element, x, rate, key)
}

fn drop_of(unit: DropoutUnit, x: Shape, rate: f32, (seed, stream): (u32, u32)) -> Expected {
    let values = (0..x.len()).map(|i| 1.0 + i as f32 / 1024.0).collect();
    dropout_of(unit, x, rate, stream).expect_with(vec![values, vec![seed as f32]])
}

/// Which elements are dropped.
fn mask(values: impl IntoIterator<Item = f64>) -> Vec<bool> {
    values.into_iter().map(|v| v == 0.0).collect()
}

#[test]
fn dropout_draws_the_masks_of_the_reference() {
    let devices = devices();
    let rates = SHAPES.into_iter().flat_map(|s| [0.0, 0.1, 0.5, 0.999].map(|rate| (s, rate)));
    for ((shape, rate), unit) in rates.flat_map(|at| DropoutUnit::ALL.map(|unit| (at, unit))) {
        for case in KEYS.map(|key| drop_of(unit, shape, rate, key)) {
            for device in &devices {
                case.check(device, &device.target());
            }
            let got = case.result(&devices[0], &devices[0].target()).into_iter().map(f64::from);
            assert_eq!(mask(got), mask(case.want().data.iter().copied()), "{shape} at rate {rate} per {}", unit.name());
        }
    }
}

/// On the device: every channel of every sample, and every sample, is there as a whole or not at all, in its share of all cases.
#[test]
fn channels_and_samples_are_dropped_as_a_whole() {
    let device = device();
    let shape = Shape::new(64, 5, 7, 66);
    for (unit, rate) in [(DropoutUnit::Channel, 0.2), (DropoutUnit::Sample, 0.5), (DropoutUnit::Batch, 0.5)] {
        let (mut dropped, mut count) = (0, 0);
        for seed in 0..32 {
            let got = drop_of(unit, shape, rate, (seed, 3)).result(&device, &device.target());
            let at = |n: usize, pixel: usize, c: usize| got[(n * 35 + pixel) * 66 + c] == 0.0;
            let units: Vec<Vec<bool>> = match unit {
                DropoutUnit::Batch => vec![got.iter().map(|v| *v == 0.0).collect()],
                DropoutUnit::Channel => {
                    (0..64 * 66).map(|i| (0..35).map(|p| at(i / 66, p, i % 66)).collect()).collect()
                }
                _ => (0..64).map(|n| (0..35 * 66).map(|i| at(n, i / 66, i % 66)).collect()).collect(),
            };
            assert!(units.iter().all(|u| u.iter().all(|d| *d == u[0])), "a {} is torn", unit.name());
            dropped += units.iter().filter(|u| u[0]).count();
            count += units.len();
        }
        let (share, rate) = (dropped as f64 / count as f64, f64::from(rate));
        let deviation = (rate * (1.0 - rate) / count as f64).sqrt();
        assert!((share - rate).abs() < 4.0 * deviation, "{share} of {count} {}s dropped", unit.name());
    }
}

#[test]
fn dropout_replays_its_mask_and_draws_others_for_other_keys() {
    let device = device();
    let shape = Shape::new(2, 64, 64, 32);
    let draw = |rate, key| mask(drop(shape, rate, key).result(&device, &device.target()).into_iter().map(f64::from));
    let first = draw(0.5, KEYS[0]);
    // The gradient is the same operation on dy.
    assert_eq!(first, draw(0.5, KEYS[0]));
    for key in &KEYS[1..] {
        let agree = first.iter().zip(draw(0.5, *key)).filter(|(a, b)| *a == b).count() as f64 / first.len() as f64;
        // 262,144 coins: a standard deviation of 0.001.
        assert!((agree - 0.5).abs() < 0.005, "{key:?} agrees in {agree}");
    }
    for rate in [0.1_f32, 0.5, 0.9] {
        let dropped = draw(rate, KEYS[3]);
        let share = dropped.iter().filter(|d| **d).count() as f64 / dropped.len() as f64;
        assert!((share - f64::from(rate)).abs() < 0.005, "{share} dropped at rate {rate}");
    }
}

/// The published words of Philox4x32-10 for counter 0 and key 0 (Random123, `kat_vectors`): an element is kept at the largest rate
/// that does not pass its word, and dropped at the next.
#[test]
fn dropout_draws_the_published_words() {
    let device = device();
    let x = Shape::channels(4);
    for (i, word) in [0x6627_e8d5_u32, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8].into_iter().enumerate() {
        let nearest = (f64::from(word) / 2_f64.powi(32)) as f32;
        let above = f64::from(nearest) * 2_f64.powi(32) > f64::from(word);
        let kept = if above { nearest.next_down() } else { nearest };
        for (rate, dropped) in [(kept, false), (kept.next_up(), true)] {
            let got = drop(x, rate, KEYS[0]).result(&device, &device.target());
            assert_eq!(got[i] == 0.0, dropped, "word {i} at rate {rate}");
        }
    }
}

#[test]
fn a_cut_dropout_has_the_mask_of_the_whole() {
    let device = device();
    for unit in DropoutUnit::ALL {
        let case = drop_of(unit, Shape::new(3, 21, 10, 12), 0.5, KEYS[3]);
        let whole = case.result(&device, &device.target());
        for max_binding in [12_000, 6_000, 1_000] {
            let mut target = device.target();
            target.limits.max_binding = max_binding;
            assert_eq!(case.result(&device, &target), whole, "per {}", unit.name());
        }
    }
}
