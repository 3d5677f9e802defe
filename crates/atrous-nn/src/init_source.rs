//! A model's first values as a source of parameters.

use atrous_graph::{ParameterSource, SourceError, TensorType};
use rayon::prelude::*;

use crate::init::{Scheme, Stream};
use crate::{Model, ModelError, ParameterKind, ParameterSpec, select};

/// Values that one parallel task computes.
const CHUNK: usize = 1 << 14;

/// A source that initialises all parameters of a model from a seed.
///
/// ```
/// use atrous_nn::init::Scheme;
/// use atrous_nn::{Init, zoo};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = zoo::build("resnet18", &zoo::BuildOptions::default())?;
/// let init = Init::new(&model, 42);
/// assert_eq!(init.values("fc.weight")?, Init::new(&model, 42).values("fc.weight")?);
/// // The head begins with zeros, all other parameters by their own rules.
/// let init = init.with(&["fc"], Scheme::ZEROS)?;
/// assert!(init.values("fc.weight")?.iter().all(|value| *value == 0.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Init {
    seed: u64,
    model: String,
    parameters: Vec<ParameterSpec>,
}

impl Init {
    /// Every parameter by its own rule, [`ParameterSpec::init`].
    pub fn new(model: &Model, seed: u64) -> Self {
        Self { seed, model: model.name.clone(), parameters: model.parameters.clone() }
    }

    /// Changes the rule of some parameters: of the weights under `names` (see [`Model::select`]), and of parameters whose full name is
    /// given. The fans of a bias that is named in full are its number of channels.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`].
    pub fn with(mut self, names: &[&str], scheme: Scheme) -> Result<Self, ModelError> {
        let selected = select::select(&self.model, &self.parameters, names)?;
        for (p, selected) in self.parameters.iter_mut().zip(selected) {
            if selected && (matches!(p.kind, ParameterKind::Weight { .. }) || names.contains(&p.name.as_str())) {
                p.init = scheme.distribution(p.stored, &p.shape);
            }
        }
        Ok(self)
    }

    /// The values of a parameter in the framework's order.
    ///
    /// # Errors
    /// If there is no such parameter, or its distribution has a negative or infinite size.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, SourceError> {
        self.draw(self.spec(name)?)
    }

    fn spec(&self, name: &str) -> Result<&ParameterSpec, SourceError> {
        self.parameters.iter().find(|p| p.name == name).ok_or_else(|| SourceError {
            name: name.to_owned(),
            reason: format!("{} has no such parameter", self.model),
        })
    }

    fn draw(&self, spec: &ParameterSpec) -> Result<Vec<f32>, SourceError> {
        spec.init.check().map_err(|reason| SourceError { name: spec.name.clone(), reason })?;
        let stream = Stream::new(self.seed, &spec.name);
        let range = (0..spec.len()).into_par_iter().with_min_len(CHUNK);
        Ok(range.map(|i| spec.init.value(stream, i as u64)).collect())
    }
}

impl ParameterSource for Init {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        let spec = self.spec(name)?;
        ty.pack(&spec.to_graph_order(ty.shape, &self.draw(spec)?)?, device);
        Ok(())
    }
}
