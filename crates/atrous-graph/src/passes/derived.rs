//! Parameters that the host computes from others.

use std::ops::Range;

use crate::{Op, ParameterSource, Shape, SourceError, TensorType};

/// A parameter of a rewritten graph, computed from parameters of the original graph or from other derived ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// Name of the new parameter.
    pub name: String,
    /// Type of the new parameter.
    pub ty: TensorType,
    /// The parameters and the formula that it is computed from.
    pub recipe: Recipe,
}

/// Name and type of a parameter of the original graph, or of a derived one.
pub type Given = (String, TensorType);

/// How a parameter is computed. Computation is in f64, and the result is rounded once.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// A filter, times `scale / sqrt(var + eps)` of the output channel of each weight.
    Filter {
        /// The filter.
        filter: Given,
        /// For a transposed convolution, its number of groups. The result's channels are the filter's third axis, group
        /// by group.
        transposed: Option<usize>,
        /// The batch normalisation after the convolution.
        by: Normalisation,
    },
    /// `(bias - mean) * scale / sqrt(var + eps) + shift`; the bias is 0 if there is none.
    Bias {
        /// The bias.
        bias: Option<Given>,
        /// The batch normalisation after the convolution.
        by: Normalisation,
    },
    /// Some input channels of a filter with one group.
    InputChannels {
        /// The filter.
        filter: Given,
        /// The ranges of channels, in the order of the result.
        channels: Vec<Range<usize>>,
    },
}

impl Recipe {
    /// The parameters that the recipe reads.
    pub(super) fn givens(&self) -> impl Iterator<Item = &Given> {
        let (first, by) = match self {
            Self::Filter { filter, by, .. } => (Some(filter), Some(by)),
            Self::Bias { bias, by } => (bias.as_ref(), Some(by)),
            Self::InputChannels { filter, .. } => (Some(filter), None),
        };
        let vectors =
            by.into_iter().flat_map(|by| [Some(&by.mean), Some(&by.var), by.scale.as_ref(), by.shift.as_ref()]);
        first.into_iter().chain(vectors.flatten())
    }
}

/// A batch normalisation whose statistics, scale and shift are parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// Added to the variance.
    pub eps: f64,
    /// Running mean.
    pub mean: Given,
    /// Running variance.
    pub var: Given,
    /// Scale, if there is one.
    pub scale: Option<Given>,
    /// Shift, if there is one.
    pub shift: Option<Given>,
}

/// The parameters of a rewritten graph: those of the original graph, and derived ones.
pub struct DerivedSource<'a> {
    derived: &'a [Derived],
    before: &'a dyn ParameterSource,
}

impl<'a> DerivedSource<'a> {
    /// The parameters of a graph with these derived ones. `before` has those of the original graph.
    pub fn new(derived: &'a [Derived], before: &'a dyn ParameterSource) -> Self {
        Self { derived, before }
    }

    /// The dense values of a parameter of the original graph, or of a derived one.
    fn read(&self, (name, ty): &Given) -> Result<Vec<f64>, SourceError> {
        if let Some(derived) = self.derived.iter().find(|derived| derived.name == *name) {
            return self.make(&derived.recipe);
        }
        let mut device = vec![0.0; ty.padded_len()];
        self.before.write(name, *ty, &mut device)?;
        Ok(ty.unpack(&device).into_iter().map(f64::from).collect())
    }

    /// `scale / sqrt(var + eps)` of each channel.
    fn factors(&self, by: &Normalisation) -> Result<Vec<f64>, SourceError> {
        let mut factors = self.read(&by.var)?;
        factors.iter_mut().for_each(|var| *var = 1.0 / (*var + by.eps).sqrt());
        if let Some(scale) = &by.scale {
            factors.iter_mut().zip(self.read(scale)?).for_each(|(factor, scale)| *factor *= scale);
        }
        Ok(factors)
    }

    fn make(&self, recipe: &Recipe) -> Result<Vec<f64>, SourceError> {
        match recipe {
            Recipe::Filter { filter, transposed, by } => {
                let (shape, factors) = (filter.1.shape, self.factors(by)?);
                let mut values = self.read(filter)?;
                for (i, value) in values.iter_mut().enumerate() {
                    let (third, last) = (i / shape.c % shape.w, i % shape.c);
                    let channel = match transposed {
                        None => last,
                        Some(groups) => last / (shape.c / groups) * shape.w + third,
                    };
                    *value *= factors[channel];
                }
                Ok(values)
            }
            Recipe::InputChannels { filter, channels } => {
                let Shape { w, c, .. } = filter.1.shape;
                let values = self.read(filter)?;
                let taps = values.chunks_exact((w * c).max(1));
                let ranges = taps.flat_map(|tap| channels.iter().map(|range| &tap[range.start * c..range.end * c]));
                Ok(ranges.flatten().copied().collect())
            }
            Recipe::Bias { bias, by } => {
                let zeros = || Ok(vec![0.0; by.mean.1.shape.c]);
                let mut values = bias.as_ref().map_or_else(zeros, |bias| self.read(bias))?;
                let shift = by.shift.as_ref().map_or_else(zeros, |shift| self.read(shift))?;
                let rest = self.read(&by.mean)?.into_iter().zip(self.factors(by)?).zip(shift);
                for (value, ((mean, factor), shift)) in values.iter_mut().zip(rest) {
                    *value = (*value - mean) * factor + shift;
                }
                Ok(values)
            }
        }
    }
}

impl ParameterSource for DerivedSource<'_> {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        match self.derived.iter().find(|derived| derived.name == name) {
            None => self.before.write(name, ty, device),
            Some(derived) => {
                let dense: Vec<f32> = self.make(&derived.recipe)?.into_iter().map(|v| v as f32).collect();
                ty.pack(&dense, device);
                Ok(())
            }
        }
    }
}

/// Name and type of a node, if it is a parameter.
pub(super) fn given(graph: &crate::Graph, id: crate::NodeId) -> Option<Given> {
    let node = graph.node(id);
    matches!(node.op, Op::Parameter).then(|| (node.name.clone(), node.ty))
}
