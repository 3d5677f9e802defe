//! Dropout with a mask that can be computed again.

use atrous_graph::Shape;
use atrous_graph::op::{Dropout, DropoutUnit};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

/// Ten rounds of Philox4x32 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).
fn philox(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    let wide = |a: u32, b: u32| {
        let product = u64::from(a) * u64::from(b);
        ((product >> 32) as u32, product as u32)
    };
    for _ in 0..10 {
        let (high0, low0) = wide(0xD251_1F53, counter[0]);
        let (high1, low1) = wide(0xCD9E_8D57, counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

impl Reference for Dropout {
    /// See [`Dropout`]: without a seed the identity, with one `x / (1 - rate)` where the mask keeps and 0 where it drops.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        let Some(seed) = inputs.get(1) else { return x.clone() };
        let (key, rate) = ([seed.data[0] as u32, self.stream], f64::from(self.rate));
        let groups = x.shape.c.div_ceil(4);
        Tensor::from_fn(x.shape, |n, row, column, c| {
            let (counter, word) = match self.unit {
                DropoutUnit::Element => (((n * x.shape.h + row) * x.shape.w + column) * groups + c / 4, c % 4),
                DropoutUnit::Channel => (n * groups + c / 4, c % 4),
                DropoutUnit::Sample => (n, 0),
                DropoutUnit::Batch => (0, 0),
            };
            let word = philox(key, [counter as u32, 0, 0, 0])[word];
            let factor = if f64::from(word) < rate * 2f64.powi(32) { 0.0 } else { 1.0 };
            x.at(n, row, column, c) / (1.0 - rate) * factor
        })
    }

    /// With a seed the value, one product; without one nothing is rounded.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        if inputs.len() == 2 { on_absolutes(self, inputs, output) } else { Tensor::zeros(output) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with their implementation.
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(philox([0; 2], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 2], [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox([0xa409_3822, 0x299f_31d0], pi), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn the_mask_drops_its_share_and_scales_the_rest() {
        let x = Tensor::new(Shape::new(2, 25, 40, 5), vec![3.0; 10_000]);
        let masked = |rate, stream, seed| {
            let op = Dropout { rate, stream, unit: DropoutUnit::Element };
            op.evaluate(&[&x, &Tensor::from_u32(Shape::channels(1), &[seed])], x.shape)
        };
        let half = masked(0.5, 1, 7);
        assert_eq!(half, masked(0.5, 1, 7));
        for other in [masked(0.5, 2, 7), masked(0.5, 1, 8)] {
            let same = half.data.iter().zip(&other.data).filter(|(a, b)| a == b).count();
            assert!((4800..5200).contains(&same), "{same} of 10000 agree");
        }
        for rate in [0.1f32, 0.5, 0.9] {
            let y = masked(rate, 1, 7);
            let dropped = y.data.iter().filter(|v| **v == 0.0).count() as f64 / 1e4;
            assert!((dropped - f64::from(rate)).abs() < 0.015, "{dropped} of rate {rate}");
            assert!(y.data.iter().all(|v| *v == 0.0 || *v == 3.0 / (1.0 - f64::from(rate))));
        }
        assert_eq!(masked(0.0, 1, 7), x);
    }

    #[test]
    fn without_a_seed_nothing_is_dropped() {
        let x = Tensor::channels(&[1.0, 2.0, 3.0]);
        for unit in DropoutUnit::ALL {
            assert_eq!(Dropout { rate: 0.9, stream: 0, unit }.evaluate(&[&x], x.shape), x);
        }
    }

    /// Channels are padded to vectors of four: with 5 channels, pixel 1 begins at vector 2.
    #[test]
    fn positions_are_those_of_the_device_layout() {
        let ones = |shape: Shape| Tensor::new(shape, vec![1.0; shape.len()]);
        let seed = Tensor::from_u32(Shape::channels(1), &[3]);
        let op = Dropout { rate: 0.5, stream: 9, unit: DropoutUnit::Element };
        let dropped = |channels: usize| {
            let x = ones(Shape::new(1, 1, 64, channels));
            op.evaluate(&[&x, &seed], x.shape)
        };
        let five = dropped(5);
        let eight = dropped(8);
        for x in 0..64 {
            assert_eq!(five.pixel(0, 0, x), &eight.pixel(0, 0, x)[..5]);
        }
    }

    /// Every unit is dropped or kept as a whole, whatever lies next to it, and a share `rate` of units is dropped.
    #[test]
    fn units_are_dropped_as_a_whole() {
        let (shape, rate) = (Shape::new(40, 3, 5, 30), 0.3f32);
        let x = Tensor::new(shape, vec![1.0; shape.len()]);
        let seeds = 0..50;
        for (unit, size) in [(DropoutUnit::Channel, 15), (DropoutUnit::Sample, 450), (DropoutUnit::Batch, 18_000)] {
            let (mut dropped, mut units) = (0.0, 0.0);
            for seed in seeds.clone() {
                let seed = Tensor::from_u32(Shape::channels(1), &[seed]);
                let y = Dropout { rate, stream: 4, unit }.evaluate(&[&x, &seed], shape);
                let of = |n: usize, c: usize| match unit {
                    DropoutUnit::Channel => (n, c),
                    DropoutUnit::Sample => (n, 0),
                    DropoutUnit::Element | DropoutUnit::Batch => (0, 0),
                };
                let mut kept = std::collections::HashMap::new();
                for n in 0..shape.n {
                    for (i, value) in y.data[n * 450..][..450].iter().enumerate() {
                        let first = *kept.entry(of(n, i % shape.c)).or_insert(*value);
                        assert_eq!(first, *value, "a {} is torn", unit.name());
                    }
                }
                assert_eq!(kept.len(), shape.len() / size);
                units += kept.len() as f64;
                dropped += kept.values().filter(|value| **value == 0.0).count() as f64;
            }
            let (share, deviation) = (dropped / units, (0.3 * 0.7 / units).sqrt());
            assert!((share - 0.3).abs() < 4.0 * deviation, "{share} of all {units} {}s", unit.name());
        }
    }
}
