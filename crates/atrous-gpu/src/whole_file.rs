//! Files in the folder for compiled kernels.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Creates or replaces a file atomically, and creates its folder if it does not exist. Readers never see a part of the file.
pub(crate) fn replace(file: &Path, parts: &[&[u8]]) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    atrous_files::write(file, |out| parts.iter().try_for_each(|part| out.write_all(part)))
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>) over words of 8 bytes, the last padded with zeros, and then over the length.
pub(crate) fn checksum(data: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    step(data.chunks(8).map(word).fold(0xcbf2_9ce4_8422_2325, step), data.len() as u64)
}
