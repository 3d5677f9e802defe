//! Constant tensors and broadcasting.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// A tensor with the same value everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Shape of the result.
    pub shape: Shape,
    /// The value.
    pub value: f32,
}

impl Definition for Fill {
    fn name(&self) -> &'static str {
        "fill"
    }

    fn arity(&self) -> (usize, usize) {
        (0, 0)
    }

    fn infer(&self, _inputs: &[TensorType]) -> Result<TensorType, String> {
        if self.value.is_finite() {
            Ok(TensorType::image(self.shape))
        } else {
            Err(format!("the value must be finite, got {}", self.value))
        }
    }

    fn attributes(&self) -> String {
        format!("{} of {}", self.shape, self.value)
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }
}

/// Repeats sides of 1 up to a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Broadcast {
    /// Shape of the result.
    pub shape: Shape,
}

impl Definition for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (have, want) = (inputs[0].shape, self.shape);
        let fits = have.dims().into_iter().zip(want.dims()).all(|(have, want)| have == want || have == 1);
        if fits { Ok(TensorType::image(want)) } else { Err(format!("{have} cannot be repeated to {want}")) }
    }

    fn attributes(&self) -> String {
        self.shape.to_string()
    }
}
