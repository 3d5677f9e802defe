//! The checksum of a weights file, in the header's `__metadata__`.

use std::ops::Range;

use atrous_files::Checksum;

/// Key of the checksum: 8 hexadecimal digits, the CRC-32 of the whole file with zeros in place of these digits.
pub(super) const CHECKSUM: &str = "atrous.checksum";
/// Key of the version of the format, which says that there is a checksum: a file whose key [`CHECKSUM`] is damaged is not taken for one of
/// another program, whose files have none.
pub(super) const FORMAT: &str = "atrous.format";
/// The version.
pub(super) const VERSION: &str = "1";
/// The digits as long as the checksum is not known.
pub(super) const ZEROS: &str = "00000000";

/// The checksum that a file should have, by its bytes. Where the digits are not as they were written, they count as any other bytes.
pub(super) fn of_file(file: &[u8], header_end: usize) -> Checksum {
    let at = digits(&file[..header_end]).unwrap_or(0..0);
    let mut sum = Checksum::of(&file[..at.start]);
    sum.update(&ZEROS.as_bytes()[..at.len()]);
    sum.update(&file[at.end..]);
    sum
}

/// The position of the checksum's digits in a header. The quotation marks within texts are escaped, so that this finds no text that merely
/// looks like the key.
pub(super) fn digits(header: &[u8]) -> Option<Range<usize>> {
    let before = format!("\"{CHECKSUM}\":\"");
    let at = header.windows(before.len()).position(|bytes| bytes == before.as_bytes())? + before.len();
    let end = at + ZEROS.len();
    (header.get(end) == Some(&b'"')).then_some(at..end)
}
