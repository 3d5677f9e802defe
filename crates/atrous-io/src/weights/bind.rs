//! Weights of a file for one model.

use std::collections::{HashMap, HashSet};
use std::fmt;

use atrous_graph::{ParameterSource, SourceError, TensorType};
use atrous_nn::{Model, StoredLayout};

use super::entry::{Bytes, Entry};
use super::error::{Mismatch, Shapes, WeightsError};
use super::file::WeightFile;
use super::tensor_data::reader;
use super::values::check_bytes;
use crate::layout::write_device;

/// A file whose tensors are exactly the parameters of a model. As a source it copies values from the file's bytes into upload memory,
/// transposed and converted to f32.
pub struct BoundWeights {
    bytes: Bytes,
    parameters: HashMap<String, (StoredLayout, Entry)>,
}

impl WeightFile {
    /// Finds every parameter of `model` by name. Tensors that the framework stores but the model does not use, such as
    /// the count of batches a normalisation has seen, are optional.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] with all parameters that are missing, all tensors that are unexpected, and all whose
    /// shape or element type differs; [`WeightsError::Values`] for the first parameter with values that are not finite, or the first running
    /// variance with negative ones, unless [they are taken](Self::allow_non_finite).
    pub fn bind(&self, model: &Model) -> Result<BoundWeights, WeightsError> {
        let (bound, mismatch) = self.compare(model, "");
        if mismatch.is_empty() {
            self.check_values(model, &bound)?;
            Ok(bound)
        } else {
            let classes = mismatch.classes(model.output_shape().c);
            let (weights, model) = (self.shown.clone(), model.name.clone());
            Err(WeightsError::Mismatch { weights, model, classes, mismatch: Box::new(mismatch) })
        }
    }

    /// Checks the values of the parameters that are bound.
    pub(super) fn check_values(&self, model: &Model, bound: &BoundWeights) -> Result<(), WeightsError> {
        let bytes = (*self.bytes).as_ref();
        let mut wanted = model.parameters.iter().filter(|_| !self.any_values);
        let checked = wanted.try_for_each(|spec| match bound.parameters.get(&spec.name) {
            Some((_, tensor)) => check_bytes(spec, tensor.dtype, &bytes[tensor.bytes.clone()]),
            None => Ok(()),
        });
        checked.map_err(|bad| WeightsError::Values { weights: self.shown.clone(), bad: Box::new(bad) })
    }

    /// The parameters that fit, and all differences. A parameter's name in the model is `prefix` and its name in the file.
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
