//! Weights in safetensors files.
//!
//! A file is a little-endian u64 `n`, a JSON header of `n` bytes that gives each tensor's element type, shape and byte
//! range, and the tensors' bytes, which fill the rest of the file without gaps or overlaps
//! (<https://github.com/huggingface/safetensors>).

mod bind;
mod error;
mod header;
mod partial;
mod save;

use std::{collections::HashMap, fs::File, ops::Range, path::Path};

use memmap2::Mmap;

pub use bind::BoundWeights;
pub use error::{FormatError, Mismatch, Shapes, WeightsError};
pub use header::MAX_HEADER;
pub use partial::PartialWeights;
pub use safetensors::Dtype;
pub use save::{SaveError, save_parameters, save_tensors};

/// A safetensors file, mapped into memory and checked: every tensor lies within the file and has the size its shape and
/// element type say.
///
/// The file must not be changed while it is mapped; replace it by renaming another over it, as [`save_parameters`] does.
#[derive(Debug)]
pub struct WeightFile {
    map: Mmap,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    metadata: HashMap<String, String>,
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Position in the file.
    bytes: Range<usize>,
}

/// A tensor in a mapped file.
#[derive(Clone, Copy, Debug)]
pub struct TensorData<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Shape, outermost side first.
    pub shape: &'a [usize],
    /// Elements in row-major order, little-endian.
    pub bytes: &'a [u8],
}

impl WeightFile {
    /// Maps a file and checks its header.
    ///
    /// # Errors
    /// [`WeightsError::Io`] if it cannot be opened or mapped, [`WeightsError::Format`] if it is not a well-formed
    /// safetensors file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let io = |source| WeightsError::Io { path: path.to_owned(), source };
        let format = |problem| WeightsError::Format { path: path.to_owned(), problem };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        if len < 8 {
            // Empty files cannot be mapped everywhere.
            return Err(format(FormatError::TooShort { len }));
        }
        // SAFETY: the map is read-only and lives as long as `Self`; that nobody shortens the file is documented above.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let header = header::parse(&map).map_err(format)?;
        let index = header.entries.iter().enumerate().map(|(i, e)| (e.name.clone(), i)).collect();
        Ok(Self { map, entries: header.entries, index, metadata: header.metadata })
    }

    /// Names of all tensors, in the order of the header.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|e| e.name.as_str())
    }

    /// The file's own notes, `__metadata__`.
    pub const fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<TensorData<'_>> {
        self.index.get(name).map(|i| self.data(*i))
    }

    fn data(&self, entry: usize) -> TensorData<'_> {
        let e = &self.entries[entry];
        TensorData { dtype: e.dtype, shape: &e.shape, bytes: &self.map[e.bytes.clone()] }
    }
}

impl TensorData<'_> {
    /// The elements as f32, if the element type is F32, F16 or BF16.
    pub fn to_f32(self) -> Option<Vec<f32>> {
        let size = self.dtype.bitsize() / 8;
        let read = bind::reader(self.dtype)?;
        Some((0..self.bytes.len() / size).map(|i| read(self.bytes, i)).collect())
    }

    /// The elements as i64, if the element type is a signed integer or an unsigned one of at most 32 bits.
    pub fn to_i64(self) -> Option<Vec<i64>> {
        let b = self.bytes;
        Some(match self.dtype {
            Dtype::U8 => b.iter().map(|v| i64::from(*v)).collect(),
            Dtype::I8 => b.iter().map(|v| i64::from(*v as i8)).collect(),
            Dtype::U16 => words(b).map(|w| i64::from(u16::from_le_bytes(w))).collect(),
            Dtype::I16 => words(b).map(|w| i64::from(i16::from_le_bytes(w))).collect(),
            Dtype::U32 => words(b).map(|w| i64::from(u32::from_le_bytes(w))).collect(),
            Dtype::I32 => words(b).map(|w| i64::from(i32::from_le_bytes(w))).collect(),
            Dtype::I64 => words(b).map(i64::from_le_bytes).collect(),
            _ => return None,
        })
    }
}

/// The bytes in words of `N`; a rest is dropped.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}
