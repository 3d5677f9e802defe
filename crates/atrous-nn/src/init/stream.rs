//! The generator behind [`crate::Init`]: every number is a function of seed, name and position.

use std::f64::consts::TAU;

/// A stream of random numbers, one per position, without state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    key: u64,
}

impl Stream {
    /// The stream of a name under a seed. The key is the mixed FNV-1a 64 hash of the seed's eight bytes, least significant
    /// first, and the UTF-8 bytes of the name.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let hash = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        Self { key: mix(seed.to_le_bytes().into_iter().chain(name.bytes()).fold(0xCBF2_9CE4_8422_2325, hash)) }
    }

    /// Number `i`: SplitMix64 from the key.
    const fn number(self, i: u64) -> u64 {
        mix(self.key.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// Value `i`, uniform in [0, 1): the number's top 53 bits.
    pub(crate) fn uniform(self, i: u64) -> f64 {
        (self.number(i) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Value `i` of mean 0 and variance 1: `sqrt(-2 ln(1 - u)) * cos(2π v)` (Box and Muller 1958) of the uniform values `2i` and
    /// `2i + 1`.
    pub(crate) fn normal(self, i: u64) -> f64 {
        let (u, v) = (self.uniform(2 * i), self.uniform(2 * i + 1));
        // libm computes the same bits on every platform; the functions of std depend on the platform.
        (-2.0 * libm::log(1.0 - u)).sqrt() * libm::cos(TAU * v)
    }
}

/// SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distributions() {
        let stream = Stream::new(7, "w");
        let n = 1_000_000;
        let moments = |value: &dyn Fn(u64) -> f64| {
            let mean = (0..n).map(value).sum::<f64>() / n as f64;
            let central = |k: i32| (0..n).map(|i| (value(i) - mean).powi(k)).sum::<f64>() / n as f64;
            (mean, central(2), central(3), central(4))
        };
        let near = |got: f64, want: f64, within: f64| assert!((got - want).abs() < within, "{got}, not {want}");
        let (mean, var, ..) = moments(&|i| stream.uniform(i));
        near(mean, 0.5, 0.002);
        near(var, 1.0 / 12.0, 0.0005);
        let (mean, var, skew, kurtosis) = moments(&|i| stream.normal(i));
        near(mean, 0.0, 0.005);
        near(var, 1.0, 0.01);
        near(skew, 0.0, 0.02);
        near(kurtosis, 3.0, 0.05);
        assert!((0..n).all(|i| stream.normal(i).is_finite()));
    }

    #[test]
    fn streams_depend_on_seed_and_name_and_neighbours_do_not_correlate() {
        let n = 100_000;
        let correlation = |a: Stream, b: Stream, shift: u64| {
            (0..n).map(|i| a.normal(i) * b.normal(i + shift)).sum::<f64>() / n as f64
        };
        let a = Stream::new(0, "layer1.0.conv1.weight");
        for other in [Stream::new(1, "layer1.0.conv1.weight"), Stream::new(0, "layer1.0.conv2.weight")] {
            assert!(correlation(a, other, 0).abs() < 0.02);
        }
        assert!(correlation(a, a, 1).abs() < 0.02);
    }
}
