//! The gradients of losses.

use crate::op::gradient::Gradient;
use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, NodeId, Op};

use super::cross_entropy::{CrossEntropy, CrossEntropyGrad};
use super::labels::{LabelWeight, OneHot};

impl Differentiable for CrossEntropy {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        if tape.wants(2) {
            return Err(tape.unsupported("the gradient of class weights"));
        }
        let logits = tape.value(0)?;
        let (labels, weights) = (tape.inputs()[1], tape.inputs().get(2).copied());
        let operands: Vec<NodeId> = [logits, labels, tape.dy()].into_iter().chain(weights).collect();
        let dx = tape.emit("grad", Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(*self))), &operands)?;
        tape.contribute(0, dx);
        Ok(())
    }
}

impl Differentiable for CrossEntropyGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of a cross-entropy's gradient"))
    }
}

impl Differentiable for OneHot {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        false
    }
}

impl Differentiable for LabelWeight {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }

    fn passes_gradients(&self) -> bool {
        false
    }
}
