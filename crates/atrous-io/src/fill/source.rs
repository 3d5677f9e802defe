//! The fill as a source of parameters.

use std::collections::HashMap;

use atrous_graph::{ParameterSource, SourceError, TensorType};
use atrous_nn::{Model, ParameterSpec, StoredLayout};

use super::{Fill, Stream};
use crate::layout::write_device;

/// Fills a model's parameters from their names: stream `prefix` + name, in the framework's order of elements.
#[derive(Clone, Debug)]
pub struct FillSource {
    parameters: HashMap<String, Filled>,
}

#[derive(Clone, Copy, Debug)]
struct Filled {
    stream: Stream,
    fill: Fill,
    stored: StoredLayout,
    len: usize,
}

impl FillSource {
    /// A source for `model`. `prefix` is put in front of the parameters' names, as in `resnet18/`; weights get the
    /// variance `wvar / fan_in`.
    pub fn new(model: &Model, prefix: &str, wvar: f64) -> Self {
        let filled = |spec: &ParameterSpec| Filled {
            stream: Stream::new(&format!("{prefix}{}", spec.name)),
            fill: Fill::of(spec.kind, wvar),
            stored: spec.stored,
            len: spec.len(),
        };
        Self { parameters: model.parameters.iter().map(|spec| (spec.name.clone(), filled(spec))).collect() }
    }
}

impl ParameterSource for FillSource {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        let fail = |reason: String| SourceError { name: name.to_owned(), reason };
        let f = self.parameters.get(name).ok_or_else(|| fail("the fill's model has no such parameter".to_owned()))?;
        if f.len != ty.shape.len() {
            return Err(fail(format!("the fill's model has {} elements, {} needs {}", f.len, ty, ty.shape.len())));
        }
        write_device(f.stored, ty, device, |i| f.fill.value(f.stream, i));
        Ok(())
    }
}
