//! What a structure of files is.

use fastrand::Rng;

use crate::change;

/// A structure of files.
pub(crate) trait Format: Sync {
    /// The parts of an input, as far as it has this structure.
    fn split(&self, bytes: &[u8], rng: &mut Rng) -> Vec<Vec<u8>>;

    /// The input of these parts, whose lengths and checksums are right.
    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8>;

    /// A random change of an input, with parts of another one.
    fn mutated(&self, bytes: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut whole = bytes.to_vec();
        let way = rng.u8(0..20);
        if way >= 4 {
            let (mut parts, others) = (self.split(bytes, rng), self.split(other, rng));
            for _ in 0..times(rng) {
                change::parts(&mut parts, &others, rng);
            }
            whole = self.join(&parts);
        }
        match way {
            0..=3 | 17..=18 => (0..times(rng)).for_each(|_| change::bytes(&mut whole, rng)),
            19 => {
                whole = change::random(rng, 256);
                whole.extend_from_slice(&bytes[..rng.usize(0..=bytes.len())]);
            }
            _ => {}
        }
        whole.truncate(change::LONGEST);
        whole
    }
}

/// How many changes are made: one half of the time, then two, and so on.
pub(super) fn times(rng: &mut Rng) -> u32 {
    1 + rng.u32(..).trailing_zeros().min(5)
}
