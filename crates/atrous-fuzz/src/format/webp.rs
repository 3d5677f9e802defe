//! WebP: chunks of a RIFF file.

use fastrand::Rng;

use super::structure::Format;

/// WebP pictures.
pub(crate) struct WebP;

impl Format for WebP {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let mut rest = bytes.get(12..).unwrap_or_default();
        let mut parts = Vec::new();
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let (content, after) = after.split_at(len.min(after.len()));
            parts.push([&head[..4], content].concat());
            rest = after.get(len % 2..).unwrap_or_default();
        }
        parts
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut chunks = b"WEBP".to_vec();
        for part in parts {
            let mut name = part[..part.len().min(4)].to_vec();
            name.resize(4, b' ');
            let content = part.get(4..).unwrap_or_default();
            chunks.extend(name);
            chunks.extend((content.len() as u32).to_le_bytes());
            chunks.extend_from_slice(content);
            chunks.resize(chunks.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &(chunks.len() as u32).to_le_bytes()[..], &chunks].concat()
    }
}
