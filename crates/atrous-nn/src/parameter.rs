//! The parameters of a network, with their names and how the framework stores them.

use atrous_graph::{NodeId, Shape, SourceError};

use crate::StoredLayout;
use crate::init::Distribution;

/// The kind of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// Weights of a convolution or linear layer.
    Weight {
        /// Inputs that one output sums over: PyTorch's `numel / shape[0]` (of transposed convolutions too); for Keras'
        /// kernels `kh*kw*in`, for its depthwise kernels `kh*kw`.
        fan_in: usize,
    },
    /// Bias of a convolution or linear layer.
    Bias,
    /// Scale of a batch normalisation (`weight`, `gamma`).
    BnWeight,
    /// Shift of a batch normalisation (`bias`, `beta`).
    BnBias,
    /// Running mean of a batch normalisation; not trained by the optimizer.
    RunningMean,
    /// Running variance of a batch normalisation; not trained by the optimizer.
    RunningVar,
}

impl ParameterKind {
    /// Whether the optimizer changes parameters of this kind.
    pub const fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }

    /// Whether weight decay applies: to weights, not to biases and batch normalisations.
    pub const fn decays(self) -> bool {
        matches!(self, Self::Weight { .. })
    }

    /// The first values without a scheme: 1 for scales and variances, 0 for all others.
    pub(crate) const fn neutral(self) -> Distribution {
        Distribution::Constant(if matches!(self, Self::BnWeight | Self::RunningVar) { 1.0 } else { 0.0 })
    }
}

/// One parameter of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Name in the framework and in the graph, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// The parameter's node.
    pub node: NodeId,
    /// Shape as the framework stores it.
    pub shape: Vec<usize>,
    /// Order as the framework stores it.
    pub stored: StoredLayout,
    /// What kind of parameter it is.
    pub kind: ParameterKind,
    /// Whether the optimizer changes the parameter.
    pub trainable: bool,
    /// The distribution of the first values, see [`crate::Init`].
    pub init: Distribution,
}

impl ParameterSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements; never the case in a model.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings values from the framework's order into the dense row-major order of the graph's tensor; `shape` is the
    /// shape of [`ParameterSpec::node`].
    ///
    /// # Errors
    /// If the number of values is not that of the parameter.
    pub fn to_graph_order<T: Copy>(&self, shape: Shape, stored: &[T]) -> Result<Vec<T>, SourceError> {
        self.check_len(shape, stored.len())?;
        Ok(positions(shape).map(|[a, b, i, o]| stored[self.stored.stored_index(shape, a, b, i, o)]).collect())
    }

    /// The inverse of [`ParameterSpec::to_graph_order`]: from the graph's order into the framework's.
    ///
    /// # Errors
    /// If the number of values is not that of the parameter.
    pub fn to_stored_order<T: Copy>(&self, shape: Shape, graph: &[T]) -> Result<Vec<T>, SourceError> {
        self.check_len(shape, graph.len())?;
        let mut out = graph.to_vec();
        for ([a, b, i, o], value) in positions(shape).zip(graph) {
            out[self.stored.stored_index(shape, a, b, i, o)] = *value;
        }
        Ok(out)
    }

    fn check_len(&self, shape: Shape, got: usize) -> Result<(), SourceError> {
        if got != self.len() || shape.len() != self.len() {
            let reason = format!("{:?} ({shape} in the graph) needs {} values, got {got}", self.shape, self.len());
            return Err(SourceError { name: self.name.clone(), reason });
        }
        Ok(())
    }
}

/// All positions of a shape in row-major order.
fn positions(s: Shape) -> impl Iterator<Item = [usize; 4]> {
    (0..s.n)
        .flat_map(move |a| (0..s.h).flat_map(move |b| (0..s.w).flat_map(move |i| (0..s.c).map(move |o| [a, b, i, o]))))
}

/// A tensor of the framework's state that the network does not use: the count of batches seen, an omitted head, encoder
/// stages after the last one used. Weight files contain it, the graph does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedParameter {
    /// Name in the framework.
    pub name: String,
    /// Shape as the framework stores it; empty for a scalar.
    pub shape: Vec<usize>,
    /// What kind of parameter it would be; `None` for a counter.
    pub kind: Option<ParameterKind>,
    /// Where the framework lists it: before the parameter of this index in [`crate::Model::parameters`].
    pub before: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_orders_are_permuted_and_brought_back() {
        let shape = Shape::new(2, 3, 4, 5); // kh, kw, in, out
        let spec = |stored, shape: &[usize]| ParameterSpec {
            name: "w".to_owned(),
            node: NodeId(0),
            shape: shape.to_vec(),
            stored,
            kind: ParameterKind::Weight { fan_in: 24 },
            trainable: true,
            init: Distribution::Constant(0.0),
        };
        let values: Vec<usize> = (0..120).collect();
        let oihw = spec(StoredLayout::Oihw, &[5, 4, 2, 3]);
        let graph = oihw.to_graph_order(shape, &values).unwrap();
        // Element (ky 1, kx 2, i 3, o 4) stands last in both; (0, 1, 2, 3) at ((3*4 + 2)*2 + 0)*3 + 1 in OIHW.
        assert_eq!(graph[shape.index(1, 2, 3, 4)], 119);
        assert_eq!(graph[shape.index(0, 1, 2, 3)], 85);
        assert_eq!(oihw.to_stored_order(shape, &graph).unwrap(), values);
        let hwio = spec(StoredLayout::Hwio, &[2, 3, 4, 5]);
        assert_eq!(hwio.to_graph_order(shape, &values).unwrap(), values);
        assert!(
            hwio.to_graph_order(shape, &values[1..]).unwrap_err().to_string().contains("needs 120 values, got 119")
        );
    }
}
