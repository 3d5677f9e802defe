//! Fingerprints of descriptions.

use std::hash::Hasher;
use std::io::{self, Write};

use siphasher::sip::SipHasher13;

/// Collects bytes, texts and numbers. Its result tells whether two descriptions are the same; it is the same in every
/// process, on every system and in every version of this crate.
#[derive(Clone, Default)]
pub(crate) struct Fingerprint(SipHasher13);

impl Fingerprint {
    /// Adds bytes; where they end counts.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.write(bytes);
    }

    /// Adds a text; where it ends counts.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0.write(&number.to_le_bytes());
    }

    /// The fingerprint of what was added.
    pub(crate) fn finish(&self) -> u64 {
        self.0.finish()
    }

    /// [`Self::finish`] as 16 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.finish())
    }
}

/// Adds bytes; where pieces end does not count.
impl Write for Fingerprint {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_everywhere_and_sees_where_texts_end() {
        let of = |texts: &[&str]| {
            let mut fingerprint = Fingerprint::default();
            texts.iter().for_each(|text| fingerprint.text(text));
            fingerprint.hex()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["cat", "dog"]), "7951293d30669137");
    }

    #[test]
    fn pieces_of_any_length_are_the_same() {
        let bytes: Vec<u8> = (0..200).collect();
        let of = |piece: usize| {
            let mut fingerprint = Fingerprint::default();
            bytes.chunks(piece).for_each(|piece| fingerprint.write_all(piece).unwrap());
            fingerprint.finish()
        };
        assert!((1..200).all(|piece| of(piece) == of(200)));
    }
}
