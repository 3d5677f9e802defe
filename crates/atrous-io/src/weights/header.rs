//! The header: parsed, and checked against the file before any tensor is read.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use safetensors::Dtype;
use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer, MapAccess, Visitor, value},
};

use super::entry::Entry;
use super::error::FormatError;

/// Longest header accepted, in bytes; the format's reference implementation has the same limit.
pub const MAX_HEADER: u64 = 100_000_000;

/// Bytes of the header's length, at the beginning of a file.
pub(super) const LENGTH: usize = 8;

/// A checked header.
#[derive(Debug)]
pub(super) struct Header {
    /// Where the header ends and the data begin.
    pub(super) end: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) metadata: HashMap<String, String>,
}

/// The length of the header, by the first bytes of a file of `file_len` bytes. The header lies within the file.
pub(super) fn length(start: &[u8], file_len: u64) -> Result<usize, FormatError> {
    let (len, _) = start.split_first_chunk::<LENGTH>().ok_or(FormatError::TooShort { len: file_len })?;
    let (len, available) = (u64::from_le_bytes(*len), file_len.saturating_sub(LENGTH as u64));
    if len > MAX_HEADER {
        return Err(FormatError::HeaderTooLarge { len, max: MAX_HEADER });
    }
    if len > available {
        return Err(FormatError::HeaderOutside { len, available });
    }
    Ok(len as usize)
}

/// The header of a whole file.
pub(super) fn whole(file: &[u8]) -> Result<Header, FormatError> {
    let end = LENGTH + length(file, file.len() as u64)?;
    parse(&file[LENGTH..end], (file.len() - end) as u64)
}

/// Reads the text of a header and checks that the tensors fill the `available` bytes after it without gaps or overlaps.
pub(super) fn parse(text: &[u8], available: u64) -> Result<Header, FormatError> {
    let raw: RawHeader = serde_json::from_slice(text).map_err(|e| FormatError::Header(e.to_string()))?;
    if let Some(name) = raw.duplicate {
        return Err(FormatError::Duplicate { name });
    }
    raw.tensors.iter().try_for_each(|(name, tensor)| tensor.check(name))?;
    check_length(&raw.tensors, available)?;
    check_tiling(&raw.tensors, available)?;
    let start = LENGTH + text.len();
    let entries = raw.tensors.into_iter().map(|(name, t)| t.entry(name, start)).collect::<Result<_, _>>()?;
    Ok(Header { end: start, entries, metadata: raw.metadata })
}

/// Checks that no tensor ends beyond the file's last byte.
fn check_length(tensors: &[(String, RawTensor)], available: u64) -> Result<(), FormatError> {
    match tensors.iter().max_by_key(|(_, tensor)| tensor.data_offsets.1) {
        Some((name, RawTensor { data_offsets: (begin, end), .. })) if *end > available => {
            Err(FormatError::Outside { name: name.clone(), begin: *begin, end: *end, available })
        }
        _ => Ok(()),
    }
}

/// Checks that the tensors, sorted by position, follow one another without gaps or overlaps from the first byte to the last.
fn check_tiling(tensors: &[(String, RawTensor)], available: u64) -> Result<(), FormatError> {
    let mut sorted: Vec<_> = tensors.iter().map(|(name, t)| (t.data_offsets, name)).collect();
    sorted.sort_unstable();
    let mut end = 0;
    let mut last = "";
    for ((begin, next), name) in sorted {
        if begin < end {
            return Err(FormatError::Overlap { first: last.to_owned(), second: name.clone(), at: begin });
        }
        if begin > end {
            return Err(FormatError::Hole { begin: end, end: begin });
        }
        (end, last) = (next, name);
    }
    if end < available {
        return Err(FormatError::Hole { begin: end, end: available });
    }
    Ok(())
}

/// The header before it is checked.
#[derive(Default)]
struct RawHeader {
    tensors: Vec<(String, RawTensor)>,
    metadata: HashMap<String, String>,
    duplicate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of dtype, shape and data_offsets")]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl RawTensor {
    fn dtype(&self, name: &str) -> Result<Dtype, FormatError> {
        let text: value::StrDeserializer<'_, value::Error> = self.dtype.as_str().into_deserializer();
        Dtype::deserialize(text)
            .map_err(|_| FormatError::UnknownDtype { name: name.to_owned(), dtype: self.dtype.clone() })
    }

    fn check(&self, name: &str) -> Result<(), FormatError> {
        let dtype = self.dtype(name)?;
        let (name, (begin, end)) = (name.to_owned(), self.data_offsets);
        let got = end.checked_sub(begin).ok_or_else(|| FormatError::Reversed { name: name.clone(), begin, end })?;
        let bits = self.shape.iter().try_fold(dtype.bitsize() as u64, |n, side| n.checked_mul(*side));
        if bits != got.checked_mul(8) || bits.is_none() {
            let needs = match bits {
                None => "more than 2^64 bits".to_owned(),
                Some(b) if b % 8 == 0 => format!("{} bytes", b / 8),
                Some(b) => format!("{b} bits"),
            };
            return Err(FormatError::Size { name, shape: self.shape.clone(), dtype, needs, got });
        }
        Ok(())
    }

    /// The tensor with its position in the file, whose data begin at byte `start`. Must be called after [`check_length`].
    fn entry(self, name: String, start: usize) -> Result<Entry, FormatError> {
        let dtype = self.dtype(&name)?;
        let (begin, end) = self.data_offsets;
        let shape = self.shape.iter().map(|side| *side as usize).collect();
        Ok(Entry { name, dtype, shape, bytes: start + begin as usize..start + end as usize })
    }
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    /// Keeps the order of the tensors, and detects names that appear twice, which a map would not show.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                header.metadata = map.next_value()?;
            } else {
                header.tensors.push((name.clone(), map.next_value()?));
            }
            if seen.contains(&name) {
                header.duplicate.get_or_insert(name);
            } else {
                seen.insert(name);
            }
        }
        Ok(header)
    }
}
