//! Gradients of operations defined by a program.

use crate::op::operation::{Differentiable, Tape};
use crate::{GraphError, NodeId};

use super::backward::Backward;
use super::handle::Custom;

impl Differentiable for Custom {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let gradients = (**self).gradient(&mut Backward::new(tape))?;
        check(tape, &gradients)?;
        for (input, gradient) in gradients.into_iter().enumerate() {
            if let Some(gradient) = gradient.filter(|_| tape.wants(input)) {
                tape.contribute(input, gradient);
            }
        }
        Ok(())
    }
}

/// Checks that there is one gradient for each input, and that it has the input's type.
fn check(tape: &dyn Tape, gradients: &[Option<NodeId>]) -> Result<(), GraphError> {
    let inputs = tape.inputs();
    if gradients.len() != inputs.len() {
        let (got, want) = (gradients.len(), inputs.len());
        return Err(tape.invalid(format!("its gradient gives {got} results for {want} inputs")));
    }
    for (i, (gradient, input)) in gradients.iter().zip(inputs).enumerate() {
        let Some(gradient) = gradient else { continue };
        if !tape.has(*gradient) {
            return Err(tape.invalid(format!("the gradient of input {i} is no node of the graph")));
        }
        let (got, want) = (tape.ty(*gradient), tape.ty(*input));
        if got != want || !want.dtype.is_float() {
            return Err(tape.invalid(format!("the gradient of input {i}, which is {want}, is {got}")));
        }
    }
    Ok(())
}
