//! The file of compiled kernels: a magic text of 16 bytes, a checksum, data.

use atrous_files::Checksum;
use fastrand::Rng;

use super::structure::Format;

/// Compiled kernels.
pub(crate) struct Kept;

impl Format for Kept {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let (magic, rest) = bytes.split_at(bytes.len().min(16));
        vec![magic.to_vec(), rest.get(4..).unwrap_or_default().to_vec()]
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let Some((magic, data)) = parts.split_first() else { return Vec::new() };
        let data = data.concat();
        [magic, &Checksum::of(&data).value().to_le_bytes()[..], &data].concat()
    }
}
