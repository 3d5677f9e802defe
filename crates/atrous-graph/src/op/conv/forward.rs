//! Convolution.

use crate::op::definition::Definition;
use crate::op::padding::{Padding, check_steps};
use crate::{Shape, TensorType};

use super::operands::{channels_error, check_bias};

/// `y[n,oy,ox,o] = bias[o] + Σ x[n, oy*stride + ky*dilation - top, …, g*Cin/groups + i] * filter[ky,kx,i,o]`, terms outside
/// the image being zero; `g` is the group of output channel `o`.
///
/// Filters are `kh×kw×(Cin/groups)×Cout`. A depthwise convolution is `groups == Cin`; output channel `c*multiplier + j`
/// reads input channel `c`. Pairs are (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Step of the window.
    pub stride: [usize; 2],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// Zeros around the image.
    pub padding: Padding,
    /// Number of groups that channels are split into.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1, 1], dilation: [1, 1], padding: Padding::NONE, groups: 1 }
    }
}

impl Conv2d {
    /// Height and width of the result for an image of height and width `size` under a kernel of `kernel` taps, or the
    /// reason why there is none.
    pub fn output_size(&self, size: [usize; 2], kernel: [usize; 2]) -> Result<[usize; 2], String> {
        let pad = [self.padding.top + self.padding.bottom, self.padding.left + self.padding.right];
        let mut out = [0; 2];
        for i in 0..2 {
            let reach = (kernel[i] - 1) * self.dilation[i] + 1;
            let padded = size[i] + pad[i];
            if padded < reach {
                let axis = ["rows", "columns"][i];
                return Err(format!("the kernel reaches over {reach} {axis}, the padded image has {padded}"));
            }
            out[i] = (padded - reach) / self.stride[i] + 1;
        }
        Ok(out)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.groups == 0 || self.stride.contains(&0) || self.dilation.contains(&0) {
            return Err(format!(
                "stride, dilation and groups must be at least 1, got stride {:?}, dilation {:?}, groups {}",
                self.stride, self.dilation, self.groups
            ));
        }
        check_steps(self.stride, self.dilation, self.padding)
    }
}

impl Definition for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 3)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.check()?;
        let (x, w) = (inputs[0].shape, inputs[1].shape);
        if w.w * self.groups != x.c {
            return Err(channels_error(w, self.groups, w.w * self.groups, x.c));
        }
        if w.c % self.groups != 0 {
            return Err(format!("{} output channels cannot be split into {} groups", w.c, self.groups));
        }
        check_bias(inputs.get(2), w.c)?;
        let [h, w_out] = self.output_size([x.h, x.w], [w.n, w.h])?;
        Ok(TensorType::image(Shape::new(x.n, h, w_out, w.c)))
    }

    fn attributes(&self) -> String {
        let Self { stride, dilation, padding, groups } = self;
        format!("stride {stride:?} dilation {dilation:?} padding {padding} groups {groups}")
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }

    fn takes_filter(&self, input: usize) -> bool {
        input == 1
    }

    fn macs(&self, inputs: &[TensorType], output: TensorType) -> u64 {
        let filter = inputs[1].shape;
        (output.shape.len() * filter.n * filter.h * filter.w) as u64
    }
}
