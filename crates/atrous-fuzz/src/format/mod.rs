//! The structure of files: parts whose lengths and checksums are made right again after a change, so that what stands behind the
//! checks is reached.

mod folder;
mod gzip;
mod jpeg;
mod kept;
mod png;
mod tensors;
mod text;
mod webp;

use fastrand::Rng;

use crate::change;

pub(crate) use folder::{Entry, Folder, Kind, pack, unpack};
pub(crate) use gzip::{Gzip, gzip};
pub(crate) use jpeg::Jpeg;
pub(crate) use kept::Kept;
pub(crate) use png::Png;
pub(crate) use tensors::{Tensors, with_checksum};
pub(crate) use text::{Sealed, Text};
pub(crate) use webp::WebP;

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
fn times(rng: &mut Rng) -> u32 {
    1 + rng.u32(..).trailing_zeros().min(5)
}

/// The format of a file of this name.
pub(crate) fn by_name(name: &str) -> &'static dyn Format {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "png" => &Png,
        "jpg" | "jpeg" => &Jpeg,
        "webp" => &WebP,
        "gz" | "bin" | "idx3-ubyte" | "idx1-ubyte" => &Gzip,
        "safetensors" | "checkpoint" => &Tensors,
        _ if name.contains("ubyte") => &Gzip,
        _ => &Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::TARGETS;

    /// What is split is what is joined again, but for compression, and seeds have more parts than one.
    #[test]
    fn unchanged_parts_make_an_input_that_is_read_as_before() {
        for target in TARGETS {
            for seed in (target.seeds)() {
                let mut rng = Rng::with_seed(1);
                let parts = target.format.split(&seed, &mut rng);
                let joined = target.format.join(&parts);
                let again = target.format.split(&joined, &mut Rng::with_seed(1));
                assert_eq!(again, parts, "{}", target.name);
            }
        }
    }
}
