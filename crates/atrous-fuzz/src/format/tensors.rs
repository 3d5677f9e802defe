//! Safetensors files, weights and checkpoints: the words of the header, then the data.

use atrous_files::Checksum;
use fastrand::Rng;

use super::structure::Format;
use super::text::words;

/// Weights files and checkpoints.
pub(crate) struct Tensors;

/// What stands before the checksum's digits in a header.
const CHECKSUM: &[u8] = b"\"atrous.checksum\":\"";

impl Format for Tensors {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let stated = bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
        let rest = bytes.get(8..).unwrap_or_default();
        let (header, data) = rest.split_at(usize::try_from(stated).unwrap_or(rest.len()).min(rest.len()));
        let mut parts = words(header);
        parts.push(data.to_vec());
        parts
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let Some((data, header)) = parts.split_last() else { return Vec::new() };
        with_checksum(&header.concat(), data)
    }
}

/// The file of a header and data. If the header has a place for a checksum, the digits there are those of the file.
pub(crate) fn with_checksum(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = [&(header.len() as u64).to_le_bytes(), header, data].concat();
    let at = header.windows(CHECKSUM.len()).position(|window| window == CHECKSUM).map(|at| 8 + at + CHECKSUM.len());
    if let Some(at) = at.filter(|at| at + 8 <= 8 + header.len()) {
        file[at..at + 8].copy_from_slice(b"00000000");
        let sum = Checksum::of(&file).to_string();
        file[at..at + 8].copy_from_slice(sum.as_bytes());
    }
    file
}
