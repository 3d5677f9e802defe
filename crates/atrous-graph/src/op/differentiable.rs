//! What it takes to differentiate an operation.

use crate::GraphError;

use super::definition::Definition;
use super::tape::Tape;

/// An operation that gradients flow back through, or stop at: all but those that passes make, which run after differentiation.
pub(crate) trait Differentiable: Definition {
    /// Adds the gradients with respect to the inputs to the tape, as far as they are wanted, from what arrives at the result.
    ///
    /// # Errors
    /// [`GraphError::Unsupported`] for a derivative that there is not.
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError>;

    /// Whether anything that arrives at the result can reach an input.
    fn passes_gradients(&self) -> bool {
        true
    }
}
