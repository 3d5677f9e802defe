//! The checksum of all files that have one.

use std::fmt;

/// A CRC-32 (the one of zlib, PNG and gzip) of bytes that come in any portions. Any change of up to 32 bits in a row is found for certain,
/// such as a flipped bit or another byte; of all other changes, one in 2^32 is not. As text it has 8 hexadecimal digits.
///
/// ```
/// let mut sum = atrous_files::Checksum::default();
/// sum.update(b"12345");
/// sum.update(b"6789");
/// assert_eq!((sum.value(), sum.to_string()), (0xcbf4_3926, "cbf43926".to_owned()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Checksum(crc32fast::Hasher);

impl Checksum {
    /// The checksum of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = Self::default();
        sum.update(bytes);
        sum
    }

    /// Continues with the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.value())
    }
}
