//! Inputs and parameters, where gradients end.

use crate::GraphError;
use crate::op::operation::{Differentiable, Tape};

use super::given::{Input, Parameter};

impl Differentiable for Input {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }
}

impl Differentiable for Parameter {
    fn gradient(&self, _tape: &mut dyn Tape) -> Result<(), GraphError> {
        Ok(())
    }
}
