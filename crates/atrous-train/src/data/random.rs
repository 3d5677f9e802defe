//! Random numbers that are functions of their purpose and position, not of the order in which they are drawn.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is used for. Streams of different purposes are unrelated.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Purpose {
    Order = 1,
    Augmentation = 2,
    Split = 3,
    Shapes = 4,
    Survey = 5,
}

/// The key stream of ChaCha with 8 rounds (Bernstein 2008; nonce 0), whose 256-bit key holds the words
/// `seed, purpose, a, b` in little-endian order. It is defined by the cipher, so it is the same in every version.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The stream for one purpose and up to two positions, such as epoch and sample.
    pub(crate) fn new(seed: u64, purpose: Purpose, a: u64, b: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, a, b]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Random(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`: 24 bits, exact in f32.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32() >> 8) / f64::from(1 << 24)
    }

    /// Uniform in `[low, high)`, or `low` where the two are equal.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`, with a bias below `count / 2³²`. `count` is at least 1.
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(count)) >> 32) as u32
    }

    /// Fills `bytes` with random bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Shuffles fewer than 2³² items by Fisher and Yates' method, from the end (Knuth, The Art of Computer Programming 2, 3.4.2 P).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}
