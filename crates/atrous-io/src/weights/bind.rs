//! Weights of a file for one model.

use std::collections::{HashMap, HashSet};
use std::fmt;

use atrous_graph::{ParameterSource, SourceError, TensorType};
use atrous_nn::{Model, StoredLayout};
use half::{bf16, f16};
use safetensors::Dtype;

use super::{Bytes, Entry, Mismatch, Shapes, WeightFile, WeightsError};
use crate::layout::write_device;

/// A file whose tensors are exactly what a model needs. Writes values from the mapped file straight into upload memory,
/// transposed and converted to f32 on the way.
pub struct BoundWeights {
    bytes: Bytes,
    parameters: HashMap<String, (StoredLayout, Entry)>,
}

impl WeightFile {
    /// Finds every parameter of `model` by name. Tensors that the framework stores but the model does not use, such as
    /// the count of batches a normalisation has seen, may be there or not.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] with all parameters that are missing, all tensors that are unexpected, and all whose
    /// shape or element type differs.
    pub fn bind(&self, model: &Model) -> Result<BoundWeights, WeightsError> {
        let (bound, mismatch) = self.compare(model, "");
        if mismatch.is_empty() {
            Ok(bound)
        } else {
            let classes = mismatch.classes(model.output_shape().c);
            Err(WeightsError::Mismatch { model: model.name.clone(), classes, mismatch: Box::new(mismatch) })
        }
    }

    /// The parameters that fit, and everything that does not. The model's names are `prefix` and the file's.
    pub(crate) fn compare(&self, model: &Model, prefix: &str) -> (BoundWeights, Mismatch) {
        let mut mismatch = Mismatch::default();
        let mut parameters = HashMap::with_capacity(model.parameters.len());
        let mut known: HashSet<&str> = HashSet::with_capacity(model.parameters.len() + model.unused.len());
        known.extend(model.unused.iter().filter_map(|u| u.name.strip_prefix(prefix)));
        for spec in &model.parameters {
            let stored = spec.name.strip_prefix(prefix);
            let Some(tensor) = stored.and_then(|name| self.entry(name)) else {
                mismatch.missing.push(spec.name.clone());
                continue;
            };
            known.extend(stored);
            if tensor.shape != spec.shape {
                let (needs, got) = (spec.shape.clone(), tensor.shape.clone());
                mismatch.shapes.push(Shapes { name: spec.name.clone(), needs, got });
            } else if reader(tensor.dtype).is_some() {
                parameters.insert(spec.name.clone(), (spec.stored, tensor.clone()));
            }
            if reader(tensor.dtype).is_none() {
                mismatch.dtypes.push((spec.name.clone(), tensor.dtype));
            }
        }
        mismatch.unexpected = self.names().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        (BoundWeights { bytes: self.bytes.clone(), parameters }, mismatch)
    }
}

impl BoundWeights {
    /// Whether there is a parameter of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parameters.contains_key(name)
    }

    /// Number of parameters.
    pub(super) fn len(&self) -> usize {
        self.parameters.len()
    }
}

impl fmt::Debug for BoundWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundWeights").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl ParameterSource for BoundWeights {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        let fail = |reason: String| SourceError { name: name.to_owned(), reason };
        let (stored, tensor) =
            self.parameters.get(name).ok_or_else(|| fail("the weights' model has no such parameter".to_owned()))?;
        let len: usize = tensor.shape.iter().product();
        if len != ty.shape.len() {
            return Err(fail(format!(
                "{:?} in the file has {len} values, {ty} needs {}",
                tensor.shape,
                ty.shape.len()
            )));
        }
        let read = reader(tensor.dtype).ok_or_else(|| fail(format!("cannot read {}", tensor.dtype)))?;
        let bytes = &(*self.bytes).as_ref()[tensor.bytes.clone()];
        write_device(*stored, ty, device, |i| read(bytes, i));
        Ok(())
    }
}

/// Reads element `i` of little-endian bytes as f32; nothing for types other than F32, F16 and BF16.
pub(super) fn reader(dtype: Dtype) -> Option<fn(&[u8], usize) -> f32> {
    fn word<const N: usize>(bytes: &[u8], i: usize) -> [u8; N] {
        bytes.as_chunks::<N>().0[i]
    }
    Some(match dtype {
        Dtype::F32 => |bytes, i| f32::from_le_bytes(word(bytes, i)),
        Dtype::F16 => |bytes, i| f16::from_le_bytes(word(bytes, i)).to_f32(),
        Dtype::BF16 => |bytes, i| bf16::from_le_bytes(word(bytes, i)).to_f32(),
        _ => return None,
    })
}
