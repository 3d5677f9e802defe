//! The gradients of interpolation.

use crate::op::gradient::Gradient;
use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, Op};

use super::interpolate::{Resize, ResizeGrad};

impl Differentiable for Resize {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let size = tape.input_shape(0);
        tape.linear(Op::Gradient(Gradient::Resize(ResizeGrad { resize: *self, h: size.h, w: size.w })))
    }
}

impl Differentiable for ResizeGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        tape.linear(Op::Resize(self.resize))
    }
}
