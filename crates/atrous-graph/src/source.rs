//! Sources of parameter values.

use crate::TensorType;

/// Why a parameter could not be written.
#[derive(Debug, thiserror::Error)]
#[error("parameter \"{name}\": {reason}")]
pub struct SourceError {
    /// The parameter's name in the graph.
    pub name: String,
    /// What was wrong with it.
    pub reason: String,
}

/// A source of parameter values, such as a weights file, initial values or plain vectors. It writes directly into
/// upload memory.
pub trait ParameterSource {
    /// Writes the parameter `name` into `device`, which has `ty.padded_len()` elements in device layout (see
    /// [`TensorType::padded`]); padding must be written as zero.
    ///
    /// # Errors
    /// If the source has no such parameter or its size differs.
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError>;
}

impl ParameterSource for std::collections::HashMap<String, Vec<f32>> {
    /// Dense values in the order of the parameter's logical shape.
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        let fail = |reason| Err(SourceError { name: name.to_owned(), reason });
        match self.get(name) {
            None => fail("no value was given".to_owned()),
            Some(v) if v.len() != ty.shape.len() => {
                fail(format!("{} needs {} values, got {}", ty.shape, ty.shape.len(), v.len()))
            }
            Some(v) => {
                ty.pack(v, device);
                Ok(())
            }
        }
    }
}
