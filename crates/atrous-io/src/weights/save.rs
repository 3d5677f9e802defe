//! Writing weights.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use atrous_files::Checksum;
use atrous_graph::{ParameterSource, SourceError};
use atrous_nn::Model;
use safetensors::{Dtype, tensor::TensorInfo};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::checksum::{self, CHECKSUM, FORMAT, VERSION, ZEROS};

/// Values that are converted to bytes at a time.
const CHUNK: usize = 1 << 14;
/// The name in a header that is not a tensor's.
const METADATA: &str = "__metadata__";

/// Why weights could not be saved. The file was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file cannot be written.
    #[error("cannot write {}: {source}", atrous_files::shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The source does not have a parameter of the model.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A tensor's shape and number of values disagree, or a name is used twice.
    #[error("tensor \"{name}\" cannot be stored: {reason}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// Why it cannot be stored.
        reason: String,
    },
}

/// A tensor with its name, its shape as the framework stores it, and its values in row-major order.
pub type NamedTensor = (String, Vec<usize>, Vec<f32>);

/// A tensor to save, whose shape and values lie elsewhere.
#[derive(Clone, Debug)]
pub struct TensorView<'a> {
    /// The name in the file.
    pub name: Cow<'a, str>,
    /// Shape as the framework stores it.
    pub shape: &'a [usize],
    /// The values in row-major order.
    pub values: &'a [f32],
}

/// Writes all parameters of `model` in its framework's names, shapes and order of elements, as F32.
///
/// The file appears under its name only when it is complete and on disk: it is written beside it, synced, then renamed; a symbolic link is
/// replaced by it. It has a checksum, which [`WeightFile::open`](crate::WeightFile::open) verifies and other programs do not mind.
///
/// # Errors
/// [`SaveError`].
pub fn save_parameters(path: impl AsRef<Path>, model: &Model, source: &dyn ParameterSource) -> Result<(), SaveError> {
    let mut tensors = Vec::with_capacity(model.parameters.len());
    for spec in &model.parameters {
        let ty = model.graph.node(spec.node).ty;
        let mut device = vec![0.0; ty.padded_len()];
        source.write(&spec.name, ty, &mut device)?;
        let values = spec.to_stored_order(ty.shape, &ty.unpack(&device))?;
        tensors.push((spec.name.clone(), spec.shape.clone(), values));
    }
    save_tensors(path, &tensors)
}

/// Writes named F32 tensors (name, shape, values in row-major order), the way [`save_parameters`] does.
///
/// # Errors
/// [`SaveError::Tensor`] or [`SaveError::Io`].
pub fn save_tensors(path: impl AsRef<Path>, tensors: &[NamedTensor]) -> Result<(), SaveError> {
    save_with_metadata(path, &views(tensors), BTreeMap::new())
}

/// Writes F32 tensors, the way [`save_parameters`] does, and texts in the header's `__metadata__`. Keys that begin with `atrous.` are ours.
///
/// # Errors
/// [`SaveError::Tensor`] or [`SaveError::Io`].
pub fn save_with_metadata(
    path: impl AsRef<Path>,
    tensors: &[TensorView<'_>],
    metadata: BTreeMap<&str, String>,
) -> Result<(), SaveError> {
    let path = path.as_ref();
    let header = header(tensors, metadata)?;
    atrous_files::write(path, |out| write(out, &header, tensors))
        .map_err(|source| SaveError::Io { path: path.to_owned(), source })
}

/// The content of the file that [`save_tensors`] writes.
///
/// # Errors
/// [`SaveError::Tensor`].
pub fn tensors_to_bytes(tensors: &[NamedTensor]) -> Result<Vec<u8>, SaveError> {
    let views = views(tensors);
    let (header, mut out) = (header(&views, BTreeMap::new())?, Cursor::new(Vec::new()));
    write(&mut out, &header, &views).map_err(|source| SaveError::Io { path: PathBuf::new(), source })?;
    Ok(out.into_inner())
}

fn views(tensors: &[NamedTensor]) -> Vec<TensorView<'_>> {
    tensors.iter().map(|(name, shape, values)| TensorView { name: name.into(), shape, values }).collect()
}

/// Writes a file with zeros for its checksum, which are replaced when all bytes are known.
fn write(out: &mut (impl Write + Seek), header: &[u8], tensors: &[TensorView<'_>]) -> io::Result<()> {
    let start = [&(header.len() as u64).to_le_bytes(), header].concat();
    let mut sum = Checksum::of(&start);
    out.write_all(&start)?;
    let mut bytes = Vec::with_capacity(4 * CHUNK);
    for values in tensors.iter().flat_map(|tensor| tensor.values.chunks(CHUNK)) {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        sum.update(&bytes);
        out.write_all(&bytes)?;
    }
    let digits = checksum::digits(&start).ok_or_else(|| io::Error::other("the header has no place for a checksum"))?;
    out.seek(SeekFrom::Start(digits.start as u64))?;
    write!(out, "{sum}")
}

/// The JSON header, padded with spaces so that the data begin at a multiple of 8.
fn header(tensors: &[TensorView<'_>], mut metadata: BTreeMap<&str, String>) -> Result<Vec<u8>, SaveError> {
    let fail = |name: &str, reason: String| Err(SaveError::Tensor { name: name.to_owned(), reason });
    metadata.extend([(FORMAT, VERSION.to_owned()), (CHECKSUM, ZEROS.to_owned())]);
    let mut names = HashSet::new();
    let mut infos = Vec::with_capacity(tensors.len());
    let mut begin = 0;
    for TensorView { name, shape, values } in tensors {
        if shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side)) != Some(values.len()) {
            return fail(name, format!("its shape is {shape:?}, it has {} values", values.len()));
        }
        if !names.insert(&**name) || name == METADATA {
            return fail(name, "the name is taken".to_owned());
        }
        let end = begin + values.len() * 4;
        infos.push((&**name, TensorInfo { dtype: Dtype::F32, shape: shape.to_vec(), data_offsets: (begin, end) }));
        begin = end;
    }
    let json = serde_json::to_vec(&Header { metadata, infos });
    let mut json = json.or_else(|error| fail(METADATA, error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}

/// A header whose JSON has metadata and tensors in their order, so that the same content is the same bytes.
struct Header<'a> {
    metadata: BTreeMap<&'a str, String>,
    infos: Vec<(&'a str, TensorInfo)>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.infos.len()))?;
        map.serialize_entry(METADATA, &self.metadata)?;
        self.infos.iter().try_for_each(|(name, info)| map.serialize_entry(name, info))?;
        map.end()
    }
}
