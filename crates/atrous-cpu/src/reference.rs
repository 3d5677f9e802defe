//! The interface of an operation's reference.

use atrous_graph::Shape;

use crate::Tensor;

/// How far a result may exceed a bound other than zero: WGSL allows errors of a few units in the last place in division
/// and logarithm.
pub(crate) const SLACK: f64 = 1e-6;

/// The largest finite f32.
pub(crate) const MAX: f64 = f32::MAX as f64;

/// The range of operations without bounds.
pub(crate) const UNBOUNDED: (f64, f64) = (-MAX, MAX);

/// What an operation computes, implemented for its type in the file of its family. `inputs` are in the order the
/// operation documents, `output` is the shape that its rule infers.
pub(crate) trait Reference {
    /// The result, computed by the loops of the documented formula.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor;

    /// The error scale of each value of the result, see [`magnitude`](crate::magnitude()): zeros if nothing is rounded,
    /// [`on_absolutes`] for sums of products.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor;

    /// The closed range of the results, for all inputs.
    fn range(&self) -> (f64, f64) {
        UNBOUNDED
    }

    /// Whether the channels of each pixel sum to 1, for all inputs.
    fn adds_up_to_one(&self) -> bool {
        false
    }
}

/// The operation on the absolute values of its inputs.
pub(crate) fn on_absolutes(op: &dyn Reference, inputs: &[&Tensor], output: Shape) -> Tensor {
    let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
    op.evaluate(&absolutes.iter().collect::<Vec<_>>(), output)
}
