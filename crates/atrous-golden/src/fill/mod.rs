//! The deterministic fill, version 1: every input and parameter of the reference results is made from its name alone.
//!
//! A stream is named by a text `S`. Its seed is the FNV-1a 64-bit hash of the UTF-8 bytes of `S`; its `i`-th number `m_i`,
//! below 2²⁴, is the top 24 bits of SplitMix64 at position `i`. `v_i = m_i·2⁻²³ - 1` lies in [-1, 1) and is exact; a value
//! is `offset + v_i·scale` in f64 (product and sum rounded one after the other), rounded once to f32. Elements are
//! numbered in row-major order of the framework's shape.

mod source;

use atrous_nn::ParameterKind;
use rayon::prelude::*;

pub use source::{FillSource, weights};

/// Values per task where a fill or a checksum is computed in parallel.
const CHUNK: usize = 1 << 16;

/// A stream of 24-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// FNV-1a 64 of the name.
    pub seed: u64,
}

impl Stream {
    /// The stream of this name.
    pub fn new(name: &str) -> Self {
        let hash = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        Self { seed: name.bytes().fold(0xCBF2_9CE4_8422_2325, hash) }
    }

    /// The number `m_i`, below 2²⁴ (SplitMix64).
    pub const fn number(self, i: u64) -> u64 {
        let mut z = self.seed.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) >> 40
    }

    /// `v_i`, in [-1, 1).
    pub fn unit(self, i: u64) -> f64 {
        self.number(i) as f64 * (1.0 / 8_388_608.0) - 1.0
    }
}

/// Uniform values in `[offset - scale, offset + scale)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The middle of the range.
    pub offset: f64,
    /// Half the width of the range.
    pub scale: f64,
}

impl Fill {
    /// For biases, running means and shifts of batch normalisations.
    pub const BIAS: Self = Self { offset: 0.0, scale: 0.1 };
    /// For scales of batch normalisations.
    pub const BN_WEIGHT: Self = Self { offset: 1.0, scale: 0.1 };
    /// For running variances.
    pub const RUNNING_VAR: Self = Self { offset: 1.0, scale: 0.2 };

    /// For weights: variance `wvar / fan_in`.
    pub fn weight(fan_in: usize, wvar: f64) -> Self {
        Self { offset: 0.0, scale: weight_scale(fan_in, wvar) }
    }

    /// The distribution that fills a parameter; `wvar` is the variance factor of the network's weights.
    pub fn of(kind: ParameterKind, wvar: f64) -> Self {
        match kind {
            ParameterKind::Weight { fan_in } => Self::weight(fan_in, wvar),
            ParameterKind::Bias | ParameterKind::BnBias | ParameterKind::RunningMean => Self::BIAS,
            ParameterKind::BnWeight => Self::BN_WEIGHT,
            ParameterKind::RunningVar => Self::RUNNING_VAR,
        }
    }

    /// The `i`-th value.
    pub fn value(self, stream: Stream, i: usize) -> f32 {
        (self.offset + stream.unit(i as u64) * self.scale) as f32
    }

    /// The first `n` values of the stream `name`.
    pub fn values(self, name: &str, n: usize) -> Vec<f32> {
        let stream = Stream::new(name);
        (0..n).into_par_iter().with_min_len(CHUNK).map(|i| self.value(stream, i)).collect()
    }
}

/// Half the width of the range of weights with variance `wvar / fan_in`: `sqrt(3 * wvar / fan_in)`.
pub fn weight_scale(fan_in: usize, wvar: f64) -> f64 {
    (3.0 * wvar / fan_in as f64).sqrt()
}

/// The first `n` values of the stream `name`, in `[offset - scale, offset + scale)`.
pub fn uniform(name: &str, n: usize, offset: f64, scale: f64) -> Vec<f32> {
    Fill { offset, scale }.values(name, n)
}

/// `n` uniform values with negative ones replaced by zero.
pub fn relu(name: &str, n: usize, scale: f64) -> Vec<f32> {
    let mut values = uniform(name, n, 0.0, scale);
    values.iter_mut().for_each(|v| *v = v.max(0.0));
    values
}

/// `n` values of `floor(v_i * levels) / levels`, so that many are equal.
pub fn quantized(name: &str, n: usize, levels: u32) -> Vec<f32> {
    let (stream, levels) = (Stream::new(name), f64::from(levels));
    (0..n as u64).map(|i| ((stream.unit(i) * levels).floor() / levels) as f32).collect()
}

/// `n` classes below `classes`; about `ignore_percent` of 100 are `ignore_index` instead, decided by a second stream named
/// `name` + `/ignore`.
pub fn labels(name: &str, n: usize, classes: u32, ignore_percent: u32, ignore_index: u32) -> Vec<u32> {
    let (stream, drop) = (Stream::new(name), Stream::new(&format!("{name}/ignore")));
    let dropped = |i| (drop.number(i) * 100) >> 24 < u64::from(ignore_percent);
    (0..n as u64)
        .map(|i| if dropped(i) { ignore_index } else { ((stream.number(i) * u64::from(classes)) >> 24) as u32 })
        .collect()
}

/// `n` values of 0 or 1: labels of two classes.
pub fn binary(name: &str, n: usize) -> Vec<f32> {
    labels(name, n, 2, 0, 0).into_iter().map(|v| v as f32).collect()
}

/// `Σ (2i+1)·bits(a_i)` mod 2⁶⁴ over the f32 bit patterns.
pub fn checksum(values: &[f32]) -> u64 {
    let chunk = |(c, part): (usize, &[f32])| {
        let first = (c * CHUNK) as u64;
        let term = |(i, v): (usize, &f32)| (2 * (first + i as u64) + 1).wrapping_mul(u64::from(v.to_bits()));
        part.iter().enumerate().map(term).fold(0, u64::wrapping_add)
    };
    values.par_chunks(CHUNK).enumerate().map(chunk).reduce(|| 0, u64::wrapping_add)
}

/// `Σ (2k+1)·checksum_k` mod 2⁶⁴: the checksum of a list of tensors.
pub fn combine_checksums(checksums: impl IntoIterator<Item = u64>) -> u64 {
    let term = |(k, sum): (usize, u64)| (2 * k as u64 + 1).wrapping_mul(sum);
    checksums.into_iter().enumerate().map(term).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_match_the_published_vectors() {
        let range = |offset, scale| Fill { offset, scale };
        let vectors: [(&str, Fill, u64, [u32; 4], u64); 6] = [
            (
                "x",
                range(0.0, 1.0),
                0xaf63_f54c_8602_1707,
                [0xbf18_fb3c, 0x3f1d_f738, 0x3e92_c36c, 0x3f27_fdf4],
                0x6140_db0b_43f5_a5f0,
            ),
            (
                "resnet18/conv1.weight",
                Fill::weight(147, 1.0),
                0x3124_79d1_d43f_244f,
                [0x3d83_af17, 0xbd30_aa4e, 0xb9e4_4db7, 0xbd88_4629],
                0xd1b1_c1fe_6c7a_945f,
            ),
            (
                "resnet18/bn1.running_var",
                Fill::RUNNING_VAR,
                0x3742_c43a_43ed_34ae,
                [0x3f63_97f7, 0x3f8d_3b87, 0x3f78_f8c8, 0x3f8d_ac58],
                0xbb01_afcb_ab95_799a,
            ),
            (
                "conv2d/a/grad",
                range(0.0, 1.0),
                0x01fe_bd08_e018_45da,
                [0x3ebe_80f4, 0xbf2e_7414, 0x3eb5_ec78, 0x3f1b_d004],
                0x5504_c841_66f2_ae3c,
            ),
            (
                "größe/β",
                range(0.0, 0.1),
                0xcd85_a3e9_ad6d_5c33,
                [0xbdae_8baa, 0x3cde_da00, 0xbc2b_77cd, 0x3c85_b04d],
                0xab90_62e3_54bf_8a4e,
            ),
            (
                "w2",
                Fill::weight(9, 1.5),
                0x08cb_8407_b56d_75ec,
                [0x3eb6_0e37, 0xbeb5_fa76, 0xbdc0_dcef, 0x3f28_fdcb],
                0x06a1_fd0f_a1ec_7ecf,
            ),
        ];
        for (name, fill, seed, first, sum) in vectors {
            assert_eq!(Stream::new(name).seed, seed, "seed of {name}");
            let values = fill.values(name, 1_000_003);
            let bits: Vec<u32> = values[..4].iter().map(|v| v.to_bits()).collect();
            assert_eq!(bits, first, "first values of {name}");
            assert_eq!(checksum(&values), sum, "checksum of {name}");
        }
    }

    #[test]
    fn labels_match_the_published_vector() {
        assert_eq!(labels("y", 12, 21, 10, 255), [18, 13, 20, 255, 0, 20, 7, 14, 255, 4, 14, 12]);
        assert!(labels("y", 1000, 21, 0, 255).iter().all(|l| *l < 21));
    }

    #[test]
    fn the_other_kinds_follow_their_formulas() {
        let plain = uniform("k", 500, 0.0, 2.0);
        for (r, v) in relu("k", 500, 2.0).iter().zip(&plain) {
            assert_eq!(*r, if *v > 0.0 { *v } else { 0.0 });
        }
        let unit = Stream::new("k");
        for (i, q) in quantized("k", 500, 4).iter().enumerate() {
            assert_eq!(q.fract().abs() % 0.25, 0.0);
            let below = unit.unit(i as u64) - f64::from(*q);
            assert!((0.0..0.25).contains(&below));
        }
        let classes = labels("k", 500, 2, 0, 255);
        assert!(binary("k", 500).iter().zip(classes).all(|(b, c)| *b == c as f32));
    }

    #[test]
    fn checksums_depend_on_order_and_combine() {
        assert_eq!(checksum(&[]), 0);
        assert_ne!(checksum(&[1.0, 2.0]), checksum(&[2.0, 1.0]));
        let bits = u64::from(1.0f32.to_bits());
        assert_eq!(checksum(&[1.0, 1.0, 1.0]), 9 * bits);
        assert_eq!(combine_checksums([5, 7, 1]), 5 + 21 + 5);
    }
}
