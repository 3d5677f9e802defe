//! The gradients of element-wise functions.

use crate::op::gradient::Gradient;
use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, NodeId, Op};

use super::binary::Binary;
use super::cast::{Cast, StopGradient};
use super::dropout::Dropout;
use super::functions::Unary;
use super::softmax::{LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad};
use super::unary::UnaryGrad;

impl Differentiable for Unary {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        if let Self::Affine { scale, .. } = *self {
            return tape.linear(Op::Unary(Self::Affine { scale, shift: 0.0 }));
        }
        if !self.passes_gradients() {
            return Ok(());
        }
        let argument = if self.from_result() { tape.result()? } else { tape.value(0)? };
        let dx = tape.emit("grad", Op::Gradient(Gradient::Unary(UnaryGrad(*self))), &[argument, tape.dy()])?;
        tape.contribute(0, dx);
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        *self != Self::Step
    }
}

/// `f'(x) * u` is linear in `u`. The second derivative of `f` is not implemented.
impl Differentiable for UnaryGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        if tape.wants(0) {
            return Err(tape.unsupported("the gradient of an activation's gradient"));
        }
        let x = tape.value(0)?;
        let du = tape.emit("grad", Op::Gradient(Gradient::Unary(*self)), &[x, tape.dy()])?;
        tape.contribute(1, du);
        Ok(())
    }
}

impl Differentiable for Binary {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        if !self.passes_gradients() {
            return Ok(());
        }
        for i in 0..2 {
            if !tape.wants(i) {
                continue;
            }
            let d = operand(*self, tape, i)?;
            let shape = tape.input_shape(i);
            let d = tape.sum_to(d, shape)?;
            tape.contribute(i, d);
        }
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        *self != Self::Equal
    }
}

/// The gradient of a binary function with respect to operand `i`, before the sum over broadcast sides.
fn operand(function: Binary, tape: &mut dyn Tape, i: usize) -> Result<NodeId, GraphError> {
    let dy = tape.dy();
    match (function, i) {
        (Binary::Add, _) | (Binary::Sub, 0) => Ok(dy),
        (Binary::Sub, _) => negated(tape, dy),
        (Binary::Mul, _) => {
            let other = tape.value(1 - i)?;
            tape.emit("grad", Op::Binary(Binary::Mul), &[dy, other])
        }
        (Binary::DivNoNan, 0) => {
            let divisor = tape.value(1)?;
            tape.emit("grad", Op::Binary(Binary::DivNoNan), &[dy, divisor])
        }
        (Binary::DivNoNan, _) => divisor(tape),
        (Binary::Equal, _) => Err(tape.unsupported("the gradient of a comparison")),
    }
}

/// `d b = -dy * y / b` for `y = a / b`.
fn divisor(tape: &mut dyn Tape) -> Result<NodeId, GraphError> {
    let [y, b] = [tape.result()?, tape.value(1)?];
    let product = tape.emit("grad_product", Op::Binary(Binary::Mul), &[tape.dy(), y])?;
    let quotient = tape.emit("grad_quotient", Op::Binary(Binary::DivNoNan), &[product, b])?;
    negated(tape, quotient)
}

fn negated(tape: &mut dyn Tape, x: NodeId) -> Result<NodeId, GraphError> {
    tape.emit("grad_negated", Op::Unary(Unary::Affine { scale: -1.0, shift: 0.0 }), &[x])
}

impl Differentiable for Softmax {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        of_result(Gradient::Softmax, tape)
    }
}

impl Differentiable for LogSoftmax {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        of_result(Gradient::LogSoftmax, tape)
    }
}

/// A gradient that is computed from the result.
fn of_result(gradient: Gradient, tape: &mut dyn Tape) -> Result<(), GraphError> {
    let y = tape.result()?;
    let dx = tape.emit("grad", Op::Gradient(gradient), &[y, tape.dy()])?;
    tape.contribute(0, dx);
    Ok(())
}

impl Differentiable for SoftmaxGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of a softmax's gradient"))
    }
}

impl Differentiable for LogSoftmaxGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of a softmax's gradient"))
    }
}

/// The gradient is dropout with the same seed, which drops the same units.
impl Differentiable for Dropout {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let seed = tape.inputs().get(1).copied();
        let operands: Vec<NodeId> = [tape.dy()].into_iter().chain(seed).collect();
        let dx = tape.emit("grad", Op::Dropout(*self), &operands)?;
        tape.contribute(0, dx);
        Ok(())
    }
}

impl Differentiable for Cast {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let dtype = tape.ty(tape.inputs()[0]).dtype;
        tape.linear(Op::Cast(Self { dtype }))
    }
}

impl Differentiable for StopGradient {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        false
    }
}
