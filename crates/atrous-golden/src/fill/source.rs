//! The fill of a network's parameters.

use std::collections::HashMap;

use atrous_graph::{GraphError, ParameterSource, Shape, SourceError, TensorType};
use atrous_io::Weights;
use atrous_nn::{Mode, Model, Network, ParameterSpec, StoredLayout};
use rayon::prelude::*;

use super::{Fill, Stream};

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
    /// A source for `model`. The stream of a parameter is named `prefix` + its name, with a prefix such as `resnet18/`; weights
    /// have the variance `wvar / fan_in`.
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
        let (shape, padded) = (ty.shape, ty.padded());
        device.par_chunks_mut(padded.c).enumerate().for_each(|(row, out)| {
            let (a, b, i) = (row / padded.w / padded.h, row / padded.w % padded.h, row % padded.w);
            out.fill(0.0);
            if i < shape.w {
                for (o, out) in out[..shape.c].iter_mut().enumerate() {
                    *out = f.fill.value(f.stream, f.stored.stored_index(shape, a, b, i, o));
                }
            }
        });
        Ok(())
    }
}

/// The parameters of a network as [`FillSource`] generates them, as [`Weights`].
///
/// # Errors
/// If the network cannot be built at its own size.
pub fn weights(network: &dyn Network, prefix: &str, wvar: f64) -> Result<Weights, GraphError> {
    let info = network.info();
    let [h, w] = info.size;
    let model = network.build(&network.name(), Shape::new(1, h, w, info.in_channels), Mode::Inference)?;
    let tensor = |spec: ParameterSpec| {
        let values = Fill::of(spec.kind, wvar).values(&format!("{prefix}{}", spec.name), spec.len());
        (spec.name, spec.shape, values)
    };
    Ok(Weights::tensors(model.parameters.into_iter().map(tensor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TinyCnn;

    #[test]
    fn the_fill_names_what_it_lacks() {
        let model = TinyCnn::default().build("tiny", Shape::new(1, 8, 8, 3), Mode::Inference).unwrap();
        let source = FillSource::new(&model, "", 1.0);
        let ty = TensorType::image(Shape::channels(4));
        let mut device = vec![0.0; ty.padded_len()];
        let mut error = |name| source.write(name, ty, &mut device).unwrap_err().to_string();
        assert_eq!(error("nothing"), "parameter \"nothing\": the fill's model has no such parameter");
        assert!(error("atrous.bias").contains("has 30 elements"), "{}", error("atrous.bias"));
    }

    #[test]
    fn weights_hold_what_the_source_writes() {
        let network = TinyCnn::default();
        let model = network.build("tiny", Shape::new(2, 16, 24, 3), Mode::Training).unwrap();
        let source = FillSource::new(&model, "tiny_cnn/", 2.0);
        let written = |source: &dyn ParameterSource, spec: &ParameterSpec| {
            let ty = model.graph.node(spec.node).ty;
            let mut device = vec![f32::NAN; ty.padded_len()];
            source.write(&spec.name, ty, &mut device).unwrap();
            device
        };
        let same = |given: &dyn ParameterSource| {
            model.parameters.iter().all(|spec| written(given, spec) == written(&source, spec))
        };
        assert!(weights(&network, "tiny_cnn/", 2.0).unwrap().with(&model, same).unwrap());
        assert!(!weights(&network, "tiny_cnn/", 1.0).unwrap().with(&model, same).unwrap());
    }
}
