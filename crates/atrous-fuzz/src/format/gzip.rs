//! Binary records that may be compressed: numbers of four bytes at the beginning, then everything else.

use std::io::{Read, Write};

use fastrand::Rng;
use flate2::read::MultiGzDecoder;
use flate2::{Compression, write::GzEncoder};

use super::structure::Format;

/// IDX and CIFAR files, as they are or in gzip.
pub(crate) struct Gzip;

/// The part that says that the rest was compressed.
const COMPRESSED: &[u8] = b"gzip";
/// Numbers at the beginning that are parts of their own.
const NUMBERS: usize = 16;
/// Most bytes that are looked at.
const MOST: u64 = 1 << 20;

/// The bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory can be written")
}

impl Format for Gzip {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let mut content = bytes.to_vec();
        let mut parts = Vec::new();
        if bytes.starts_with(&[0x1F, 0x8B]) {
            content.clear();
            // What is damaged is taken up to there.
            let _ = MultiGzDecoder::new(bytes).take(MOST).read_to_end(&mut content);
            parts.push(COMPRESSED.to_vec());
        }
        let (numbers, rest) = content.split_at(content.len().min(NUMBERS));
        parts.extend(numbers.chunks(4).map(<[u8]>::to_vec));
        parts.push(rest.to_vec());
        parts
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        match parts.split_first() {
            Some((first, rest)) if first == COMPRESSED => gzip(&rest.concat()),
            _ => parts.concat(),
        }
    }
}
