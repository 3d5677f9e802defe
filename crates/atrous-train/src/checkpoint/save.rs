//! Writing checkpoints.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    path::Path,
};

use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};
use serde_json::json;

use super::{Checkpoint, CheckpointError, NamedTensor, OPTIMIZER, PARAMETERS, STATE_KEY, VERSION};

impl Checkpoint {
    /// Writes the checkpoint.
    ///
    /// The file is replaced atomically, when it is complete and on disk: after a crash there is either the old or the new one.
    ///
    /// # Errors
    /// [`CheckpointError::Tensor`], or [`CheckpointError::Write`] if the system refuses, a full disk included.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let path = path.as_ref();
        let header = self.header()?;
        atrous_files::write(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            for value in self.tensors().flat_map(|(_, tensor)| &tensor.values) {
                out.write_all(&value.to_le_bytes())?;
            }
            Ok(())
        })
        .map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
    }

    /// All tensors with the names they have in the file, in the file's order.
    fn tensors(&self) -> impl Iterator<Item = (String, &NamedTensor)> {
        let named = |prefix: &'static str| move |t| (format!("{prefix}{}", NamedTensor::name(t)), t);
        self.parameters.iter().map(named(PARAMETERS)).chain(self.optimizer.iter().map(named(OPTIMIZER)))
    }

    /// The JSON header, padded with spaces so that the data begin at a multiple of 8.
    fn header(&self) -> Result<Vec<u8>, CheckpointError> {
        let fail = |name: &str, reason: String| CheckpointError::Tensor { name: name.to_owned(), reason };
        let whole = |e: &dyn std::fmt::Display| fail("__metadata__", e.to_string());
        let mut names = HashSet::new();
        let mut infos = Vec::new();
        let mut begin = 0;
        for (name, NamedTensor { shape, values, .. }) in self.tensors() {
            if shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side)) != Some(values.len()) {
                return Err(fail(&name, format!("its shape is {shape:?}, it has {} values", values.len())));
            }
            if !names.insert(name.clone()) {
                return Err(fail(&name, "the name is taken".to_owned()));
            }
            let end = begin + values.len() * 4;
            infos.push((name, TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (begin, end) }));
            begin = end;
        }
        let state = json!({ "version": VERSION, "state": self.state }).to_string();
        let notes = HashMap::from([(STATE_KEY.to_owned(), state)]);
        let metadata = Metadata::new(Some(notes), infos).map_err(|e| whole(&e))?;
        let mut json = serde_json::to_vec(&metadata).map_err(|e| whole(&e))?;
        json.resize(json.len().next_multiple_of(8), b' ');
        Ok(json)
    }
}

impl NamedTensor {
    fn name(&self) -> &str {
        &self.name
    }
}
