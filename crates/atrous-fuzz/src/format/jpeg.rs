//! JPEG: segments, and runs of data between them.

use fastrand::Rng;

use super::structure::Format;

/// JPEG pictures.
pub(crate) struct Jpeg;

/// Whether a marker has a segment behind it, which begins with its length.
fn has_segment(part: &[u8]) -> bool {
    matches!(part, [0xFF, marker, ..] if !matches!(marker, 0x00 | 0x01 | 0xD0..=0xD9 | 0xFF))
}

impl Format for Jpeg {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let (mut parts, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let marker = |at: &usize| rest[*at] == 0xFF && rest.get(at + 1).is_some_and(|next| *next != 0);
            if has_segment(rest) && rest.len() >= 4 {
                let len = usize::from(u16::from_be_bytes([rest[2], rest[3]])).clamp(2, rest.len() - 2);
                parts.push([&rest[..2], &rest[4..2 + len]].concat());
                rest = &rest[2 + len..];
            } else {
                let first = if marker(&0) { 2.min(rest.len()) } else { 0 };
                let end = (first.max(1)..rest.len()).find(marker).unwrap_or(rest.len());
                parts.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
        }
        parts
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in parts {
            if has_segment(part) {
                bytes.extend_from_slice(&part[..2]);
                bytes.extend((part.len().min(65_535) as u16).to_be_bytes());
                bytes.extend_from_slice(&part[2..]);
            } else {
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }
}
