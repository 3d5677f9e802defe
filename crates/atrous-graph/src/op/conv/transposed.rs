//! The adjoint of a convolution, which is the transposed convolution.

use crate::op::definition::Definition;
use crate::op::padding::Padding;
use crate::{Shape, TensorType};

use super::forward::Conv2d;
use super::operands::{channels_error, check_bias};

/// The adjoint of `conv` with respect to its input: every `y[n,iy,ix,i]` is spread over the result through the filter,
/// `out[n, iy*stride + ky*dilation - top, …, g*Cout/groups + o] += y[n,iy,ix,i] * filter[ky,kx,o,i]`.
///
/// The filter is that of the forward convolution, `kh×kw×(Cout/groups)×Cin` where `Cin` are the channels of `y` and `Cout`
/// those of the result. Positions of the result that no tap reaches are the bias, or zero. `conv.padding` crops the full
/// result, whose length is `(n-1)*stride + (k-1)*dilation + 1`; only its top and left sides matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dGradInput {
    /// The forward convolution.
    pub conv: Conv2d,
    /// Rows of the result.
    pub h: usize,
    /// Columns of the result.
    pub w: usize,
}

impl Conv2dGradInput {
    /// A transposed convolution as PyTorch's `ConvTranspose2d` sizes it:
    /// `(n-1)*stride - 2*padding + dilation*(k-1) + output_padding + 1`, for an image of height and width `size`.
    ///
    /// # Errors
    /// If the result would have no pixels, or the output padding reaches both stride and dilation.
    pub fn transposed(
        conv: Conv2d,
        size: [usize; 2],
        kernel: [usize; 2],
        output_padding: [usize; 2],
    ) -> Result<Self, String> {
        conv.check()?;
        let pad = [conv.padding.top + conv.padding.bottom, conv.padding.left + conv.padding.right];
        let mut out = [0; 2];
        for i in 0..2 {
            if output_padding[i] >= conv.stride[i].max(conv.dilation[i]) {
                return Err(format!(
                    "output padding {} must be smaller than stride {} or dilation {}",
                    output_padding[i], conv.stride[i], conv.dilation[i]
                ));
            }
            let full = (size[i] - 1) * conv.stride[i] + conv.dilation[i] * (kernel[i] - 1) + 1 + output_padding[i];
            out[i] = full
                .checked_sub(pad[i])
                .filter(|n| *n > 0)
                .ok_or_else(|| format!("padding {} takes all of the {full} {}", pad[i], ["rows", "columns"][i]))?;
        }
        Ok(Self { conv, h: out[0], w: out[1] })
    }

    /// A transposed convolution as Keras' `padding="same"` sizes it: `n*stride` pixels, cut out of the full result at
    /// `max(k - stride, 0) / 2`.
    pub fn transposed_same(stride: [usize; 2], size: [usize; 2], kernel: [usize; 2]) -> Self {
        let cut = |i: usize| kernel[i].saturating_sub(stride[i]);
        let padding =
            Padding { top: cut(0) / 2, bottom: cut(0) - cut(0) / 2, left: cut(1) / 2, right: cut(1) - cut(1) / 2 };
        let conv = Conv2d { stride, padding, ..Conv2d::default() };
        Self { conv, h: size[0] * stride[0], w: size[1] * stride[1] }
    }
}

impl Definition for Conv2dGradInput {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 3)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.conv.check()?;
        let (y, w) = (inputs[0].shape, inputs[1].shape);
        if w.c != y.c {
            return Err(channels_error(w, self.conv.groups, w.c, y.c));
        }
        if w.c % self.conv.groups != 0 {
            return Err(format!("{} input channels cannot be split into {} groups", w.c, self.conv.groups));
        }
        let channels = w.w * self.conv.groups;
        check_bias(inputs.get(2), channels)?;
        Ok(TensorType::image(Shape::new(y.n, self.h, self.w, channels)))
    }

    fn attributes(&self) -> String {
        format!("{} size {}×{}", self.conv.attributes(), self.h, self.w)
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }

    fn takes_filter(&self, input: usize) -> bool {
        input == 1
    }

    fn macs(&self, inputs: &[TensorType], _output: TensorType) -> u64 {
        let [y, filter] = [inputs[0].shape, inputs[1].shape];
        (y.len() * filter.n * filter.h * filter.w) as u64
    }
}
