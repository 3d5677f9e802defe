//! Safetensors files.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use memmap2::Mmap;

use super::entry::{Bytes, Entry};
use super::error::{FormatError, WeightsError};
use super::header;
use super::tensor_data::TensorData;

/// A safetensors file, mapped into memory or given as bytes, and checked: every tensor lies within the file and has the size its
/// shape and element type say.
///
/// A file must not be changed while it is mapped; replace it by renaming another over it, as
/// [`save_parameters`](crate::save_parameters) does.
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
    pub(super) bytes: Bytes,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    metadata: HashMap<String, String>,
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
            // Empty files cannot be mapped on all systems.
            return Err(format(FormatError::TooShort { len }));
        }
        // SAFETY: the map is read-only; the documentation of `WeightFile` demands that the file is not changed while it is mapped.
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

    /// [`Self::from_bytes`] for bytes that are shared.
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

    /// Keeps the tensors whose names begin with `prefix`, and removes the prefix from their names: `under("parameters/")` has the
    /// parameters of a checkpoint, `under("teacher.")` one of two networks in a file.
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

    /// The entries of the header's `__metadata__`.
    pub const fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<TensorData<'_>> {
        let e = self.entry(name)?;
        Some(TensorData { dtype: e.dtype, shape: &e.shape, bytes: &(*self.bytes).as_ref()[e.bytes.clone()] })
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).map(|i| &self.entries[*i])
    }
}

/// The error for a folder given instead of a file. For the folder of a training it says which file to use.
fn is_folder(path: &Path) -> io::Error {
    let reason = match run_files(path).map(|file| file.exists()) {
        [true, _] => "it is the folder of a training: take the file best.safetensors in it, or `Weights::Run`",
        [false, true] => "it is the folder of a training: take `Weights::Run`",
        [false, false] => "it is a folder, not a file",
    };
    io::Error::new(io::ErrorKind::IsADirectory, reason)
}

/// The files of a training's folder with its best parameters, and with its last checkpoint.
pub(crate) fn run_files(folder: &Path) -> [PathBuf; 2] {
    ["best.safetensors", "last.checkpoint"].map(|name| folder.join(name))
}

/// The name in errors of a file that was given as bytes.
const IN_MEMORY: &str = "weights in memory";

/// The position of each name in `entries`.
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
