//! Casts, and the identity without a gradient.

use crate::op::definition::Definition;
use crate::{DType, TensorType};

/// The same numbers in another float type, rounded to the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type of the result.
    pub dtype: DType,
}

impl Definition for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (x, dtype) = (inputs[0], self.dtype);
        if dtype.is_float() && dtype != x.dtype {
            return Ok(TensorType { dtype, ..x });
        }
        Err(format!("{} as {dtype} is not another type of float", x.dtype))
    }

    fn attributes(&self) -> String {
        format!("to {}", self.dtype)
    }

    fn stored_as_input(&self) -> bool {
        false
    }

    fn takes_any_layout(&self, _inputs: &[TensorType]) -> bool {
        true
    }
}

/// The identity, through which no gradient flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StopGradient;

impl Definition for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0])
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }

    fn is_free(&self, _inputs: usize) -> bool {
        true
    }
}
