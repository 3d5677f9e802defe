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

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use memmap2::Mmap;

pub use bind::BoundWeights;
pub use error::{FormatError, Mismatch, Shapes, WeightsError};
pub use header::MAX_HEADER;
pub use partial::PartialWeights;
pub use safetensors::Dtype;
pub use save::{NamedTensor, SaveError, save_parameters, save_tensors, tensors_to_bytes};

/// A safetensors file, mapped into memory or given as bytes, and checked: every tensor lies within the file and has the size its
/// shape and element type say.
///
/// A file must not be changed while it is mapped; replace it by renaming another over it, as [`save_parameters`] does.
///
/// ```
/// use atrous_io::{WeightFile, save_tensors};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("head.safetensors");
/// save_tensors(&path, &[("fc.bias".to_owned(), vec![2], vec![1.0, 2.0])])?;
/// let file = WeightFile::open(&path)?;
/// let bias = file.tensor("fc.bias").expect("a tensor of this name");
/// assert_eq!((bias.shape, bias.to_f32()), (&[2][..], Some(vec![1.0, 2.0])));
/// # Ok(())
/// # }
/// ```
pub struct WeightFile {
    bytes: Bytes,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    metadata: HashMap<String, String>,
}

/// The bytes of a file, shared by all that is bound to it.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

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
        let failed = |source| WeightsError::Io { path: path.to_owned(), source };
        let format = |problem| WeightsError::Format { path: path.to_owned(), problem };
        let file = File::open(path).map_err(|error| failed(if path.is_dir() { is_folder(path) } else { error }))?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(is_folder(path)));
        }
        let len = metadata.len();
        if len < 8 {
            // Empty files cannot be mapped everywhere.
            return Err(format(FormatError::TooShort { len }));
        }
        // SAFETY: the map is read-only and shared by all that reads it; that nobody shortens the file is documented above.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Self::checked(Arc::new(map)).map_err(format)
    }

    /// A file that is in memory already: downloaded, or part of the program.
    ///
    /// ```
    /// use atrous_io::WeightFile;
    ///
    /// let header = br#"{"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    /// let values = [1.0f32, 2.0].map(f32::to_le_bytes).concat();
    /// let file = WeightFile::from_bytes([&(header.len() as u64).to_le_bytes(), &header[..], &values].concat())?;
    /// assert_eq!(file.tensor("fc.bias").and_then(|t| t.to_f32()), Some(vec![1.0, 2.0]));
    /// # Ok::<(), atrous_io::WeightsError>(())
    /// ```
    ///
    /// # Errors
    /// [`WeightsError::Format`] if the bytes are not a well-formed safetensors file.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, WeightsError> {
        Self::from_shared(Arc::new(bytes))
    }

    /// [`Self::from_bytes`] of bytes that others hold, too.
    pub(crate) fn from_shared(bytes: Bytes) -> Result<Self, WeightsError> {
        Self::checked(bytes).map_err(|problem| WeightsError::Format { path: PathBuf::from(IN_MEMORY), problem })
    }

    fn checked(bytes: Bytes) -> Result<Self, FormatError> {
        let content = (*bytes).as_ref();
        if content.len() < 8 {
            return Err(FormatError::TooShort { len: content.len() as u64 });
        }
        let header = header::parse(content)?;
        Ok(Self { bytes, index: index(&header.entries), entries: header.entries, metadata: header.metadata })
    }

    /// Of these tensors those whose names begin with `prefix`, under what is left of their names: the parameters of a checkpoint are
    /// `under("parameters/")`, one of two networks in a file is `under("teacher.")`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let entry = |e: Entry| e.name.strip_prefix(prefix).map(|name| Entry { name: name.to_owned(), ..e.clone() });
        let entries: Vec<Entry> = self.entries.into_iter().filter_map(entry).collect();
        Self { index: index(&entries), entries, ..self }
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
        let e = self.entry(name)?;
        Some(TensorData { dtype: e.dtype, shape: &e.shape, bytes: &(*self.bytes).as_ref()[e.bytes.clone()] })
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).map(|i| &self.entries[*i])
    }
}

/// Why a folder is not read, and what to take of a training's.
fn is_folder(path: &Path) -> io::Error {
    let reason = match run_files(path).map(|file| file.exists()) {
        [true, _] => "it is the folder of a training: take the file best.safetensors in it, or `Weights::Run`",
        [false, true] => "it is the folder of a training: take `Weights::Run`",
        [false, false] => "it is a folder, not a file",
    };
    io::Error::new(io::ErrorKind::IsADirectory, reason)
}

/// Where a training leaves its best parameters, and its last ones with all else.
pub(crate) fn run_files(folder: &Path) -> [PathBuf; 2] {
    ["best.safetensors", "last.checkpoint"].map(|name| folder.join(name))
}

/// What stands for the path of a file that was given as bytes.
const IN_MEMORY: &str = "weights in memory";

/// Where each name stands.
fn index(entries: &[Entry]) -> HashMap<String, usize> {
    entries.iter().enumerate().map(|(i, e)| (e.name.clone(), i)).collect()
}

impl fmt::Debug for WeightFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensors = self.entries.len();
        f.debug_struct("WeightFile")
            .field("tensors", &tensors)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
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
