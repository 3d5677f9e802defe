//! Concatenation along the channels.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Concatenation of the inputs along the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concat;

impl Definition for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn arity(&self) -> (usize, usize) {
        (1, usize::MAX)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let first = inputs[0];
        let mut c = 0;
        for (i, ty) in inputs.iter().enumerate() {
            let (a, b) = (first.shape, ty.shape);
            if (a.n, a.h, a.w) != (b.n, b.h, b.w) || first.dtype != ty.dtype {
                return Err(format!("input {i} is {ty}, input 0 is {first}: only channels may differ"));
            }
            c += ty.shape.c;
        }
        Ok(TensorType { shape: Shape { c, ..first.shape }, ..first })
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }

    fn moves(&self, _input: usize) -> bool {
        true
    }

    /// Filters are accepted too: pieces of a cut filter are joined by this.
    fn takes_any_layout(&self, inputs: &[TensorType]) -> bool {
        inputs.iter().all(|ty| ty.layout == inputs[0].layout)
    }
}
