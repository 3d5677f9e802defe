//! What the reference says of an operation.

use atrous_graph::Shape;

use crate::Tensor;

/// How far a bounded function may step over a bound other than zero: WGSL's division and logarithm are allowed a few
/// units in the last place.
pub(crate) const SLACK: f64 = 1e-6;

/// The largest value there is in f32.
pub(crate) const MAX: f64 = f32::MAX as f64;

/// The range of what has no bounds.
pub(crate) const UNBOUNDED: (f64, f64) = (-MAX, MAX);

/// What an operation computes, implemented for each one in the file of its family. `inputs` are in the order the operation documents,
/// `output` is the shape its rule infers.
pub(crate) trait Reference {
    /// The result, by the loops of the formula.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor;

    /// The error scale of each value of the result, see [`magnitude`](crate::magnitude()): zeros where nothing is rounded,
    /// [`on_absolutes`] for sums of products.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor;

    /// The closed range of the results, whatever the inputs.
    fn range(&self) -> (f64, f64) {
        UNBOUNDED
    }

    /// Whether the channels of each pixel add up to 1, whatever the inputs.
    fn adds_up_to_one(&self) -> bool {
        false
    }
}

/// The operation of absolute values.
pub(crate) fn on_absolutes(op: &dyn Reference, inputs: &[&Tensor], output: Shape) -> Tensor {
    let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
    op.evaluate(&absolutes.iter().collect::<Vec<_>>(), output)
}
