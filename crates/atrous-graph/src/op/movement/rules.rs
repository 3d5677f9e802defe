//! The gradients of data movement, which is linear.

use crate::op::gradient::Gradient;
use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, Op};

use super::concat::Concat;
use super::fill::{Broadcast, Fill};
use super::pad::{Pad, PadGrad, PadMode};
use super::reorder::{Flip, Permute};
use super::slice::{Place, Slice};

impl Differentiable for Concat {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let dy = tape.dy();
        let whole = tape.shape(dy);
        let mut first = 0;
        for i in 0..tape.inputs().len() {
            let count = tape.input_shape(i).c;
            if tape.wants(i) {
                let part = tape.emit("grad", Op::Slice(Slice::channels(whole, first, count)), &[dy])?;
                tape.contribute(i, part);
            }
            first += count;
        }
        Ok(())
    }
}

impl Differentiable for Slice {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let shape = tape.input_shape(0);
        tape.linear(Op::Place(Place { start: self.start, shape }))
    }
}

impl Differentiable for Place {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let size = tape.input_shape(0);
        tape.linear(Op::Slice(Slice { start: self.start, size }))
    }
}

impl Differentiable for Pad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let size = tape.input_shape(0);
        tape.linear(Op::Gradient(Gradient::Pad(PadGrad { pad: *self, h: size.h, w: size.w })))
    }
}

impl Differentiable for PadGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let mode = if let PadMode::Constant(_) = self.pad.mode { PadMode::Constant(0.0) } else { self.pad.mode };
        tape.linear(Op::Pad(Pad { mode, ..self.pad }))
    }
}

impl Differentiable for Flip {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        tape.linear(Op::Flip(*self))
    }
}

impl Differentiable for Permute {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        tape.linear(Op::Permute(self.inverse()))
    }
}

impl Differentiable for Broadcast {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let shape = tape.input_shape(0);
        let dx = tape.sum_to(tape.dy(), shape)?;
        tape.contribute(0, dx);
        Ok(())
    }
}

impl Differentiable for Fill {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }
}
