//! Inputs and parameters.

use crate::TensorType;
use crate::op::definition::Definition;

/// Data that each run supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Input;

impl Definition for Input {
    fn name(&self) -> &'static str {
        "input"
    }

    fn arity(&self) -> (usize, usize) {
        (0, 0)
    }

    fn infer(&self, _inputs: &[TensorType]) -> Result<TensorType, String> {
        Err("inputs and parameters carry their own shape".to_owned())
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn is_free(&self, _inputs: usize) -> bool {
        true
    }
}

/// Data that stays on the device between runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameter;

impl Definition for Parameter {
    fn name(&self) -> &'static str {
        "parameter"
    }

    fn arity(&self) -> (usize, usize) {
        (0, 0)
    }

    fn infer(&self, _inputs: &[TensorType]) -> Result<TensorType, String> {
        Err("inputs and parameters carry their own shape".to_owned())
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn is_free(&self, _inputs: usize) -> bool {
        true
    }
}
