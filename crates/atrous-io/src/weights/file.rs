//! Safetensors files.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use atrous_files::shown;

use super::checksum;
use super::entry::{Bytes, Entry};
use super::error::{FormatError, WeightsError};
use super::header::{self, Header};
use super::tensor_data::TensorData;

/// A safetensors file, read into memory or given as bytes, and checked: every tensor lies within the file and has the size its
/// shape and element type say, and a checksum, which files of this crate have, is that of the bytes.
///
/// Reading takes as much memory as the file is large, until this and what is bound to it are dropped. For 500 MB that the system has cached it
/// takes one core 0.4 s, the checksum included, and 0.1 s of all cores for the values when they are bound. A map of the file would save 0.3 s
/// and the memory, but if the file becomes shorter while it is mapped, the process ends (SIGBUS): a program that owns its files can give a
/// map, as `memmap2` makes it, to [`WeightFile::from_bytes`].
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
    has_checksum: bool,
    /// Whether values that are not finite are taken.
    pub(super) any_values: bool,
    /// The file in messages.
    pub(super) shown: String,
}

impl WeightFile {
    /// Reads a file and checks it. Memory is taken for the file when its header is known to be one.
    ///
    /// # Errors
    /// [`WeightsError::Io`] if it cannot be read, or is a pipe or a device; [`WeightsError::Format`] if it is not a well-formed safetensors
    /// file or not the one that its checksum is of; [`WeightsError::Memory`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let failed = |source| WeightsError::Io { path: path.to_owned(), source };
        let format = |problem| WeightsError::Format { path: path.to_owned(), problem };
        let opened = atrous_files::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (len, mut file) = opened.map_err(|error| failed(if path.is_dir() { is_folder(path) } else { error }))?;
        let mut read = |bytes: &mut Vec<u8>, len: u64| file.by_ref().take(len).read_to_end(bytes).map_err(failed);
        let (mut start, mut bytes) = (Vec::new(), Vec::new());
        read(&mut start, header::LENGTH as u64)?;
        let header_len = header::length(&start, len).map_err(format)? as u64;
        read(&mut start, header_len)?;
        let header = header::parse(&start[header::LENGTH..], len - header_len - header::LENGTH as u64);
        let header = header.map_err(format)?;
        if !usize::try_from(len).is_ok_and(|len| bytes.try_reserve_exact(len).is_ok()) {
            return Err(WeightsError::Memory { path: path.to_owned(), len });
        }
        bytes.extend(start);
        read(&mut bytes, len - header_len - header::LENGTH as u64)?;
        if bytes.len() as u64 != len {
            return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read")));
        }
        Self::checked(Arc::new(bytes), header, shown(path)).map_err(format)
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
        let format = |problem| WeightsError::Format { path: PathBuf::from(IN_MEMORY), problem };
        let header = header::whole((*bytes).as_ref()).map_err(format)?;
        Self::checked(bytes, header, IN_MEMORY.to_owned()).map_err(format)
    }

    fn checked(bytes: Bytes, header: Header, shown: String) -> Result<Self, FormatError> {
        let has_checksum = verify((*bytes).as_ref(), &header)?;
        let Header { entries, metadata, .. } = header;
        Ok(Self { bytes, index: index(&entries), entries, metadata, has_checksum, any_values: false, shown })
    }

    /// Takes values that are not finite, and running variances that are negative, as they are. Otherwise binding such a file to a network
    /// is [`WeightsError::Values`].
    #[must_use]
    pub fn allow_non_finite(self) -> Self {
        Self { any_values: true, ..self }
    }

    /// Whether the file has a checksum, which has been verified.
    pub const fn has_checksum(&self) -> bool {
        self.has_checksum
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

/// Whether a file has a checksum, which is then that of its bytes.
fn verify(file: &[u8], header: &Header) -> Result<bool, FormatError> {
    let Some(stated) = header.metadata.get(checksum::CHECKSUM) else {
        return if header.metadata.contains_key(checksum::FORMAT) { Err(FormatError::NoChecksum) } else { Ok(false) };
    };
    let found = checksum::of_file(file, header.end).to_string();
    if found == *stated { Ok(true) } else { Err(FormatError::Checksum { stated: stated.clone(), found }) }
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
