//! Writing checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use atrous_io::{SaveError, TensorView, save_with_metadata};
use serde_json::json;

use super::{Checkpoint, CheckpointError, NamedTensor, OPTIMIZER, PARAMETERS, STATE_KEY, VERSION};

impl Checkpoint {
    /// Writes the checkpoint, with a checksum.
    ///
    /// The file is replaced atomically, when it is complete and on disk: after a crash there is either the old or the new one. A symbolic
    /// link is replaced, not followed.
    ///
    /// # Errors
    /// [`CheckpointError::Tensor`], or [`CheckpointError::Write`] if the system refuses, a full disk included.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let parameters = self.parameters.iter().map(|tensor| tensor.view(PARAMETERS));
        let tensors: Vec<_> = parameters.chain(self.optimizer.iter().map(|tensor| tensor.view(OPTIMIZER))).collect();
        let state = json!({ "version": VERSION, "state": self.state }).to_string();
        save_with_metadata(path, &tensors, BTreeMap::from([(STATE_KEY, state)])).map_err(|error| match error {
            SaveError::Io { path, source } => CheckpointError::Write { path, source },
            SaveError::Tensor { name, reason } => CheckpointError::Tensor { name, reason },
            other => CheckpointError::Tensor { name: STATE_KEY.to_owned(), reason: other.to_string() },
        })
    }
}

impl NamedTensor {
    fn view(&self, prefix: &str) -> TensorView<'_> {
        TensorView { name: format!("{prefix}{}", self.name).into(), shape: &self.shape, values: &self.values }
    }
}
