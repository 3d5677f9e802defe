//! PNG: chunks. Pixels are compressed data or, in half of the cases, the rows themselves.

use std::io::{Read, Write};

use fastrand::Rng;
use flate2::read::ZlibDecoder;
use flate2::{Compression, Crc, write::ZlibEncoder};

use super::structure::Format;

/// PNG pictures and masks.
pub(crate) struct Png;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Stands for the type of a chunk IDAT whose content is not compressed yet.
const ROWS: &[u8] = b"rows";
/// Most bytes of rows that are looked at.
const MOST: u64 = 1 << 20;

impl Format for Png {
    fn split(&self, bytes: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
        let mut rest = bytes.strip_prefix(SIGNATURE).unwrap_or(bytes);
        let mut parts = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let len = (u32::from_be_bytes(*len) as usize).saturating_add(4).min(after.len());
            let (chunk, after) = after.split_at(len);
            parts.push(chunk.to_vec());
            rest = after.get(4..).unwrap_or_default();
        }
        if rng.bool() {
            parts.iter_mut().for_each(|part| *part = opened(part).unwrap_or_else(|| part.clone()));
        }
        parts
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        for part in parts {
            let mut chunk = part.clone();
            if let Some(rows) = part.strip_prefix(ROWS) {
                let mut encoder = ZlibEncoder::new(b"IDAT".to_vec(), Compression::fast());
                let written = encoder.write_all(rows).and_then(|()| encoder.finish());
                chunk = written.expect("memory can be written");
            }
            chunk.resize(chunk.len().max(4), b'a');
            let mut crc = Crc::new();
            crc.update(&chunk);
            bytes.extend((chunk.len() as u32 - 4).to_be_bytes());
            bytes.extend(chunk);
            bytes.extend(crc.sum().to_be_bytes());
        }
        bytes
    }
}

/// The rows of a chunk IDAT that holds all of them.
fn opened(chunk: &[u8]) -> Option<Vec<u8>> {
    let mut rows = ROWS.to_vec();
    ZlibDecoder::new(chunk.strip_prefix(b"IDAT")?).take(MOST).read_to_end(&mut rows).ok()?;
    Some(rows)
}
