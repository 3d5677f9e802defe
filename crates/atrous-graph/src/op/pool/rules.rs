//! The gradients of pooling.

use crate::op::gradient::Gradient;
use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, Op};

use super::adaptive::{AdaptiveAvgPool, AdaptiveAvgPoolGrad};
use super::avg::{AvgPool, AvgPoolGrad};
use super::channel_max::{ChannelMaxPool, ChannelMaxPoolGrad};
use super::max::{MaxPool, MaxPoolGrad, MaxPoolIndices};

impl Differentiable for MaxPool {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let (window, size) = (self.window, tape.input_shape(0));
        let x = tape.value(0)?;
        let indices = tape.emit("indices", Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[x])?;
        let grad = MaxPoolGrad { window, h: size.h, w: size.w };
        let dx = tape.emit("grad", Op::Gradient(Gradient::MaxPool(grad)), &[tape.dy(), indices])?;
        tape.contribute(0, dx);
        Ok(())
    }
}

impl Differentiable for MaxPoolIndices {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        false
    }
}

impl Differentiable for MaxPoolGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of max pooling's gradient"))
    }
}

impl Differentiable for AvgPool {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let size = tape.input_shape(0);
        tape.linear(Op::Gradient(Gradient::AvgPool(AvgPoolGrad { pool: *self, h: size.h, w: size.w })))
    }
}

impl Differentiable for AvgPoolGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        tape.linear(Op::AvgPool(self.pool))
    }
}

impl Differentiable for AdaptiveAvgPool {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let size = tape.input_shape(0);
        tape.linear(Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h: size.h, w: size.w })))
    }
}

impl Differentiable for AdaptiveAvgPoolGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let bins = tape.input_shape(0);
        tape.linear(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: bins.h, w: bins.w }))
    }
}

impl Differentiable for ChannelMaxPool {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let x = tape.value(0)?;
        let op = Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(*self)));
        let dx = tape.emit("grad", op, &[x, tape.dy()])?;
        tape.contribute(0, dx);
        Ok(())
    }
}

impl Differentiable for ChannelMaxPoolGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of channel max pooling's gradient"))
    }
}
