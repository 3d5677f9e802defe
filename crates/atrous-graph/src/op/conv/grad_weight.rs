//! The gradient of a convolution with respect to its filter.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

use super::forward::Conv2d;

/// The gradient of `conv` with respect to its filter: `x`, `dy`, giving
/// `dw[ky,kx,i,o] = Σ_{n,oy,ox} x[n, oy*stride + ky*dilation - top, …, g*Cin/groups + i] * dy[n,oy,ox,o]`, terms outside the
/// image being zero; `g` is the group of output channel `o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dGradWeight {
    /// The forward convolution.
    pub conv: Conv2d,
    /// Taps of its filter, (rows, columns).
    pub kernel: [usize; 2],
}

impl Definition for Conv2dGradWeight {
    fn name(&self) -> &'static str {
        "conv2d_grad_weight"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (x, dy) = (inputs[0].shape, inputs[1].shape);
        let groups = self.conv.groups.max(1);
        let [kh, kw] = self.kernel;
        if kh == 0 || kw == 0 {
            return Err(format!("the kernel must be at least 1×1, got {kh}×{kw}"));
        }
        if x.c % groups != 0 {
            return Err(format!("{} input channels cannot be split into {groups} groups", x.c));
        }
        let filter = TensorType::filter(Shape::new(kh, kw, x.c / groups, dy.c));
        let y = self.conv.infer(&[inputs[0], filter])?.shape;
        if y != dy {
            return Err(format!("the gradient must be {y} as the convolution's result, got {dy}"));
        }
        Ok(filter)
    }

    fn attributes(&self) -> String {
        format!("{} kernel {:?}", self.conv.attributes(), self.kernel)
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }

    fn stored_as_input(&self) -> bool {
        false
    }

    fn macs(&self, inputs: &[TensorType], output: TensorType) -> u64 {
        let [dy, filter] = [inputs[1].shape, output.shape];
        (dy.len() * filter.n * filter.h * filter.w) as u64
    }
}
