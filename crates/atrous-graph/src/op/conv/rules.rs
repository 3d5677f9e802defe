//! Gradients of convolutions. Each of the three operations has the other two as its gradients.

use crate::op::gradient::Gradient;
use crate::op::movement::Slice;
use crate::op::operation::{Differentiable, Tape};
use crate::op::padding::Padding;
use crate::op::reduce::Reduce;
use crate::{GraphError, NodeId, Op};

use super::forward::Conv2d;
use super::grad_weight::Conv2dGradWeight;
use super::transposed::Conv2dGradInput;

impl Differentiable for Conv2d {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let dy = tape.dy();
        bias(tape)?;
        if tape.wants(1) {
            let x = tape.value(0)?;
            let dw = tape.emit("grad_weight", weight(*self, tape), &[x, dy])?;
            tape.contribute(1, dw);
        }
        if tape.wants(0) {
            let op = input(*self, tape);
            let filter = tape.value(1)?;
            let dx = tape.emit("grad_input", op, &[dy, filter])?;
            tape.contribute(0, dx);
        }
        Ok(())
    }
}

/// The gradient with respect to the image is the forward convolution of `dy`.
impl Differentiable for Conv2dGradInput {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        bias(tape)?;
        let (dy, conv) = covered(self, tape)?;
        if tape.wants(1) {
            let y = tape.value(0)?;
            let dw = tape.emit("grad_weight", weight(conv, tape), &[dy, y])?;
            tape.contribute(1, dw);
        }
        if tape.wants(0) {
            let filter = tape.value(1)?;
            let d = tape.emit("grad_input", Op::Conv2d(conv), &[dy, filter])?;
            tape.contribute(0, d);
        }
        Ok(())
    }
}

impl Differentiable for Conv2dGradWeight {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let dw = tape.dy();
        let [x, dy] = [tape.value(0)?, tape.value(1)?];
        if tape.wants(1) {
            let d = tape.emit("grad_output", Op::Conv2d(self.conv), &[x, dw])?;
            tape.contribute(1, d);
        }
        if tape.wants(0) {
            let adjoint = input(self.conv, tape);
            let d = tape.emit("grad_input", adjoint, &[dy, dw])?;
            tape.contribute(0, d);
        }
        Ok(())
    }
}

fn bias(tape: &mut dyn Tape) -> Result<(), GraphError> {
    if tape.wants(2) {
        let sum = tape.emit("grad_bias", Op::Reduce(Reduce::SUM_NHW), &[tape.dy()])?;
        tape.contribute(2, sum);
    }
    Ok(())
}

/// The gradient with respect to input 0, the image.
fn input(conv: Conv2d, tape: &dyn Tape) -> Op {
    let shape = tape.input_shape(0);
    Op::Conv2dGradInput(Conv2dGradInput { conv, h: shape.h, w: shape.w })
}

/// The gradient with respect to input 1, the filter.
fn weight(conv: Conv2d, tape: &dyn Tape) -> Op {
    let shape = tape.input_shape(1);
    Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [shape.n, shape.h] }))
}

/// Prepares the gradients of a transposed convolution. Returns `dy` without the bottom rows and right columns that no
/// tap reaches, and the forward convolution, padded such that its result has the size of the transposed one's input.
fn covered(op: &Conv2dGradInput, tape: &mut dyn Tape) -> Result<(NodeId, Conv2d), GraphError> {
    let (dy, y, filter) = (tape.dy(), tape.input_shape(0), tape.input_shape(1));
    let (conv, p) = (op.conv, op.conv.padding);
    let reach = |positions: usize, taps: usize, i: usize, before: usize| {
        let all = (positions - 1) * conv.stride[i] + (taps - 1) * conv.dilation[i] + 1;
        all.saturating_sub(before).max(1)
    };
    let [rows, columns] = [reach(y.h, filter.n, 0, p.top), reach(y.w, filter.h, 1, p.left)];
    let padding =
        Padding { bottom: rows.saturating_sub(op.h), right: columns.saturating_sub(op.w), top: p.top, left: p.left };
    let conv = Conv2d { padding, ..conv };
    if rows >= op.h && columns >= op.w {
        return Ok((dy, conv));
    }
    let crop = Slice::crop(tape.shape(dy), 0, 0, rows.min(op.h), columns.min(op.w));
    Ok((tape.emit("grad_covered", Op::Slice(crop), &[dy])?, conv))
}
