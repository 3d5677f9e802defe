//! Text: words, numbers and single characters.

use atrous_files::Checksum;
use fastrand::Rng;

use super::structure::Format;

/// Text without a checksum.
pub(crate) struct Text;

/// Text whose last line is the checksum of all before it.
pub(crate) struct Sealed;

/// Beginning of the last line.
const SEAL: &[u8] = b"checksum: ";

/// Runs of letters, digits and what stands in numbers; anything else alone.
pub(super) fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"_+-.".contains(byte);
    text.chunk_by(|a, b| inside(a) && inside(b)).map(<[u8]>::to_vec).collect()
}

impl Format for Text {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        words(bytes)
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        parts.concat()
    }
}

impl Format for Sealed {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        let end = bytes.windows(SEAL.len()).rposition(|window| window == SEAL);
        words(&bytes[..end.unwrap_or(bytes.len())])
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let text = parts.concat();
        let sum = Checksum::of(&text);
        [&text, SEAL, format!("{sum}\n").as_bytes()].concat()
    }
}
