//! Reading checkpoints.

use std::path::Path;

use atrous_graph::optim::LossScaling;
use atrous_io::{Dtype, WeightFile};
use serde::Deserialize;

use super::{
    Checkpoint, CheckpointError, NamedTensor, OPTIMIZER, PARAMETERS, STATE_KEY, ScaleState, TrainingState, VERSION,
    WITHOUT_CHECKSUM,
};

/// The state in the header. It is read in two steps, since its fields depend on the version.
#[derive(Deserialize)]
#[serde(expecting = "an object of version and state")]
struct Notes {
    version: u32,
    state: serde_json::Value,
}

impl Checkpoint {
    /// Reads a checkpoint, and verifies its checksum.
    ///
    /// # Errors
    /// [`CheckpointError::Read`] if the file cannot be read, is truncated or damaged, [`CheckpointError::Foreign`] if it is
    /// something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let foreign = |reason: String| CheckpointError::Foreign { path: path.to_owned(), reason };
        let file = WeightFile::open(path)?;
        let notes = file.metadata().get(STATE_KEY).ok_or_else(|| foreign(format!("its notes lack \"{STATE_KEY}\"")))?;
        let state = read_state(notes, file.has_checksum()).map_err(foreign)?;
        let (mut parameters, mut optimizer) = (Vec::new(), Vec::new());
        for name in file.names() {
            let (list, short) = match (name.strip_prefix(PARAMETERS), name.strip_prefix(OPTIMIZER)) {
                (Some(short), _) => (&mut parameters, short),
                (_, Some(short)) => (&mut optimizer, short),
                _ => return Err(foreign(format!("tensor \"{name}\" is neither a parameter nor the optimizer's"))),
            };
            let tensor = file.tensor(name).filter(|t| t.dtype == Dtype::F32);
            let values = tensor.and_then(|t| Some((t.shape.to_vec(), t.to_f32()?)));
            let (shape, values) = values.ok_or_else(|| foreign(format!("tensor \"{name}\" is not of type F32")))?;
            list.push(NamedTensor { name: short.to_owned(), shape, values });
        }
        Ok(Self { state, parameters, optimizer })
    }
}

fn read_state(notes: &str, has_checksum: bool) -> Result<TrainingState, String> {
    let notes: Notes = serde_json::from_str(notes).map_err(|e| format!("its state is malformed: {e}"))?;
    match notes.version {
        WITHOUT_CHECKSUM => {}
        VERSION if has_checksum => {}
        VERSION => return Err("it has no checksum: it is damaged, or another program has written it anew".to_owned()),
        other => {
            return Err(format!("it has version {other} of the format, this program reads versions 1 to {VERSION}"));
        }
    }
    let state: TrainingState =
        serde_json::from_value(notes.state).map_err(|e| format!("its state is malformed: {e}"))?;
    match state.loss_scale {
        Some(ScaleState { scale, .. }) if !LossScaling::allows(scale) => {
            Err(format!("its loss scale {scale} is no power of two"))
        }
        _ => Ok(state),
    }
}
