//! Functions of two elements.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// A function of two elements. Sides of 1 are repeated to the other's size: `1×1×1×C` is per channel, `N×1×1×C` per
/// sample and channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`, and 0 where `b` is 0 (TensorFlow's `divide_no_nan`).
    DivNoNan,
    /// 1 where `a` and `b` are equal, else 0; no gradient flows through it.
    Equal,
}

impl Binary {
    /// The function's name in prints and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::DivNoNan => "div_no_nan",
            Self::Equal => "equal",
        }
    }
}

impl Definition for Binary {
    fn name(&self) -> &'static str {
        Self::name(*self)
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (a, b) = (inputs[0].shape, inputs[1].shape);
        let mut out = [0; 4];
        for (i, (da, db)) in a.dims().into_iter().zip(b.dims()).enumerate() {
            out[i] = match (da, db) {
                _ if da == db => da,
                (1, d) | (d, 1) => d,
                _ => {
                    return Err(format!(
                        "{a} and {b} do not broadcast: {da} against {db} in {}",
                        ["N", "H", "W", "C"][i]
                    ));
                }
            };
        }
        Ok(TensorType { shape: Shape::new(out[0], out[1], out[2], out[3]), ..inputs[0] })
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }

    /// Filters are accepted too: the gradients of a shared filter are summed by this.
    fn takes_any_layout(&self, inputs: &[TensorType]) -> bool {
        inputs.iter().all(|ty| *ty == inputs[0])
    }
}
