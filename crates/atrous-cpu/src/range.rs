//! Bounds of results that hold for all inputs.

use atrous_graph::{Op, Shape};

use crate::Tolerance;
use crate::operation::reference;
use crate::reference::SLACK;

/// A result outside of its operation's range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// A value is out of range.
    #[error("{op} is {got} at {index}, outside of {low}..={high}")]
    Value {
        /// The operation's name.
        op: &'static str,
        /// Position in dense row-major order.
        index: usize,
        /// The value out of range.
        got: f32,
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// The probabilities of a pixel do not add up to 1.
    #[error("softmax of pixel {pixel} adds up to {sum}, not 1")]
    Sum {
        /// The pixel in dense row-major order.
        pixel: usize,
        /// The sum.
        sum: f64,
    },
}

/// Checks a result, dense and row-major, against what its operation can return: sigmoid 0 to 1, tanh -1 to 1, softmax
/// 0 to 1 with a sum of 1 in every pixel, and so on. Accepts everything finite from operations without bounds.
///
/// # Errors
/// The first value out of range, NaN and infinity included, or the first sum that is not 1.
pub fn check_range(op: &Op, got: &[f32], shape: Shape) -> Result<(), RangeError> {
    let (low, high) = reference(op).range();
    let slack = |bound: f64| if bound == 0.0 { 0.0 } else { SLACK };
    let range = low - slack(low)..=high + slack(high);
    if let Some((index, got)) = got.iter().enumerate().find(|(_, v)| !range.contains(&f64::from(**v))) {
        return Err(RangeError::Value { op: op.name(), index, got: *got, low, high });
    }
    if reference(op).adds_up_to_one() {
        for (pixel, values) in got.chunks(shape.c).enumerate() {
            let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
            if (sum - 1.0).abs() > Tolerance::F32.rtol {
                return Err(RangeError::Sum { pixel, sum });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Unary;

    use super::*;
    use crate::{Tensor, evaluate};

    #[test]
    fn the_reference_keeps_its_bounds() {
        let x = Tensor::new(Shape::new(1, 1, 67, 3), (-100..=100).map(f64::from).collect());
        for op in Unary::EXAMPLES.map(Op::Unary).into_iter().chain([Op::Softmax, Op::LogSoftmax]) {
            for scale in [1.0, 0.01] {
                // Arguments for which f32 has the function: exp overflows at 88.8, ln is defined above 0.
                let within = |v: f64| match op {
                    Op::Unary(Unary::Exp) => v.min(88.0),
                    Op::Unary(Unary::Ln) => v.max(1e-6),
                    _ => v,
                };
                let y = evaluate(&op, &[&x.map(|v| within(v * scale))], x.shape).to_f32();
                assert_eq!(check_range(&op, &y, x.shape), Ok(()));
            }
        }
    }

    #[test]
    fn values_out_of_range_fail() {
        let check = |op, got: &[f32]| check_range(&op, got, Shape::channels(got.len()));
        for (op, bad) in [
            (Unary::Sigmoid, 1.001),
            (Unary::Sigmoid, -1e-20),
            (Unary::Tanh, -1.001),
            (Unary::Relu, -1e-9),
            (Unary::Relu6, 6.01),
            (Unary::Silu, -0.28),
            (Unary::Gelu, f32::NAN),
            (Unary::Elu { alpha: 1.0 }, -1.1),
        ] {
            assert!(
                matches!(check(Op::Unary(op), &[0.0, bad]), Err(RangeError::Value { index: 1, .. })),
                "{op:?} {bad}"
            );
        }
        assert!(check(Op::Softmax, &[0.25, 0.75]).is_ok());
        assert!(matches!(check(Op::Softmax, &[0.25, 0.7]), Err(RangeError::Sum { pixel: 0, .. })));
        assert!(matches!(check(Op::Softmax, &[1.1, -0.1]), Err(RangeError::Value { index: 0, .. })));
        let text = check(Op::Unary(Unary::Tanh), &[2.0]).unwrap_err().to_string();
        assert_eq!(text, "tanh is 2 at 0, outside of -1..=1");
    }
}
