//! Writing weights.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use atrous_graph::{ParameterSource, SourceError};
use atrous_nn::Model;
use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};

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

/// Writes all parameters of `model` in its framework's names, shapes and order of elements, as F32.
///
/// The file appears under its name only when it is complete and on disk: it is written beside it, synced, then renamed.
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
    let path = path.as_ref();
    let header = header(tensors)?;
    atrous_files::write(path, |out| write(out, &header, tensors))
        .map_err(|source| SaveError::Io { path: path.to_owned(), source })
}

/// The content of the file that [`save_tensors`] writes.
///
/// # Errors
/// [`SaveError::Tensor`].
pub fn tensors_to_bytes(tensors: &[NamedTensor]) -> Result<Vec<u8>, SaveError> {
    let (header, mut bytes) = (header(tensors)?, Vec::new());
    write(&mut bytes, &header, tensors).map_err(|source| SaveError::Io { path: PathBuf::new(), source })?;
    Ok(bytes)
}

fn write(out: &mut impl Write, header: &[u8], tensors: &[NamedTensor]) -> io::Result<()> {
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header)?;
    tensors.iter().flat_map(|(_, _, values)| values).try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

/// The JSON header, padded with spaces so that the data begin at a multiple of 8.
fn header(tensors: &[NamedTensor]) -> Result<Vec<u8>, SaveError> {
    let fail = |name: &str, reason: String| SaveError::Tensor { name: name.to_owned(), reason };
    let mut names = std::collections::HashSet::new();
    let mut infos = Vec::with_capacity(tensors.len());
    let mut begin = 0;
    for (name, shape, values) in tensors {
        if shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side)) != Some(values.len()) {
            return Err(fail(name, format!("its shape is {shape:?}, it has {} values", values.len())));
        }
        if !names.insert(name) || name == "__metadata__" {
            return Err(fail(name, "the name is taken".to_owned()));
        }
        let end = begin + values.len() * 4;
        let info = TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (begin, end) };
        infos.push((name.clone(), info));
        begin = end;
    }
    let whole = |e: &dyn std::fmt::Display| fail("__metadata__", e.to_string());
    let metadata = Metadata::new(None, infos).map_err(|e| whole(&e))?;
    let mut json = serde_json::to_vec(&metadata).map_err(|e| whole(&e))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}
