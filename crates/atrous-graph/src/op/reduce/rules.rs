//! The gradients of reductions.

use crate::op::movement::Broadcast;
use crate::op::operation::{Differentiable, Tape};
use crate::op::pointwise::{Binary, Unary};
use crate::{GraphError, Op};

use super::axes::{Reduce, Reduction};
use super::channels::{ArgMax, ChannelSum};

impl Differentiable for Reduce {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        match self.reduction {
            Reduction::Sum => repeated(tape),
            Reduction::Mean => mean(self, tape),
            Reduction::Max => maximum(self, tape),
        }
    }
}

/// The gradient of a sum: `dy`, for every element that was summed.
fn repeated(tape: &mut dyn Tape) -> Result<(), GraphError> {
    let shape = tape.input_shape(0);
    tape.linear(Op::Broadcast(Broadcast { shape }))
}

fn mean(op: &Reduce, tape: &mut dyn Tape) -> Result<(), GraphError> {
    let shape = tape.input_shape(0);
    let factor = Unary::Affine { scale: (1.0 / op.count(shape) as f64) as f32, shift: 0.0 };
    let share = tape.emit("grad_share", Op::Unary(factor), &[tape.dy()])?;
    let dx = tape.emit("grad", Op::Broadcast(Broadcast { shape }), &[share])?;
    tape.contribute(0, dx);
    Ok(())
}

/// The gradient goes to the largest elements, in equal shares on a tie (PyTorch's `amax`, TensorFlow's `reduce_max`).
fn maximum(op: &Reduce, tape: &mut dyn Tape) -> Result<(), GraphError> {
    let [x, y] = [tape.value(0)?, tape.result()?];
    let largest = tape.emit("grad_largest", Op::Binary(Binary::Equal), &[x, y])?;
    let sum = Reduce { reduction: Reduction::Sum, ..*op };
    let ties = tape.emit("grad_ties", Op::Reduce(sum), &[largest])?;
    let share = tape.emit("grad_share", Op::Binary(Binary::DivNoNan), &[tape.dy(), ties])?;
    let dx = tape.emit("grad", Op::Binary(Binary::Mul), &[largest, share])?;
    tape.contribute(0, dx);
    Ok(())
}

impl Differentiable for ChannelSum {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        repeated(tape)
    }
}

impl Differentiable for ArgMax {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        false
    }
}
