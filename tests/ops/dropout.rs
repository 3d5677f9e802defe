//! Dropout: the generator's words, the mask by position, seeds and streams.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::{Case, Expected, device};

use crate::grads::devices;
use crate::others::SHAPES;

pub(crate) fn dropout(x: Shape, rate: f32, stream: u32) -> Case {
    let seed = TensorType::map(Shape::channels(1));
    Case { op: Op::Dropout(Dropout { rate, stream }), inputs: vec![TensorType::image(x), seed] }
}

const KEYS: [(u32, u32); 4] = [(0, 0), (1, 0), (0, 1), (0xdead_be00, u32::MAX)];

/// Inputs none of which is zero, so that every bit of the mask shows, and a seed.
fn drop(x: Shape, rate: f32, (seed, stream): (u32, u32)) -> Expected {
    let values = (0..x.len()).map(|i| 1.0 + i as f32 / 1024.0).collect();
    dropout(x, rate, stream).expect_with(vec![values, vec![seed as f32]])
}

/// Which elements are dropped.
fn mask(values: impl IntoIterator<Item = f64>) -> Vec<bool> {
    values.into_iter().map(|v| v == 0.0).collect()
}

#[test]
fn dropout_draws_the_masks_of_the_reference() {
    let devices = devices();
    for (shape, rate) in SHAPES.into_iter().flat_map(|s| [0.0, 0.1, 0.5, 0.999].map(|rate| (s, rate))) {
        for case in KEYS.map(|key| drop(shape, rate, key)) {
            for device in &devices {
                case.check(device, &device.target());
            }
            let got = case.result(&devices[0], &devices[0].target()).into_iter().map(f64::from);
            assert_eq!(mask(got), mask(case.want().data.iter().copied()), "{shape} at rate {rate}");
        }
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
    let case = drop(Shape::new(3, 21, 10, 12), 0.5, KEYS[3]);
    let whole = case.result(&device, &device.target());
    for max_binding in [12_000, 6_000, 1_000] {
        let mut target = device.target();
        target.limits.max_binding = max_binding;
        assert_eq!(case.result(&device, &target), whole);
    }
}
