//! Files that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes to a name beside the file's, syncs and renames, so that no reader ever sees a part.
pub(crate) fn replace(file: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Devices of one process may write at once, too.
    let unique = format!("{}.{:?}.tmp", std::process::id(), std::thread::current().id());
    let temporary = file.with_added_extension(unique);
    let written = File::create(&temporary).and_then(|mut out| {
        parts.iter().try_for_each(|part| out.write_all(part))?;
        out.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, file));
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    renamed
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>) over words of 8 bytes, the last filled up with zeros, and the length.
pub(crate) fn checksum(data: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    step(data.chunks(8).map(word).fold(0xcbf2_9ce4_8422_2325, step), data.len() as u64)
}
