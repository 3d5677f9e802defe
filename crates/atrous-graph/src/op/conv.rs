//! Convolution and its adjoint.

use std::fmt;

use crate::{Shape, TensorType};

/// Zeros around an image, in rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// No padding.
    pub const NONE: Self = Self { top: 0, bottom: 0, left: 0, right: 0 };

    /// The same number of rows above and below, of columns left and right.
    pub const fn symmetric(rows: usize, columns: usize) -> Self {
        Self { top: rows, bottom: rows, left: columns, right: columns }
    }

    /// TensorFlow's and Keras' `SAME`: the output has `ceil(size / stride)` positions, and an odd pixel of padding goes
    /// below or to the right. Arguments are (rows, columns).
    pub fn same(size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> Self {
        let axis = |i: usize| {
            let reach = (kernel[i].max(1) - 1) * dilation[i] + 1;
            let steps = size[i].div_ceil(stride[i].max(1)).max(1) - 1;
            let total = (steps * stride[i] + reach).saturating_sub(size[i]);
            (total / 2, total - total / 2)
        };
        let ((top, bottom), (left, right)) = (axis(0), axis(1));
        Self { top, bottom, left, right }
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{},{},{})", self.top, self.bottom, self.left, self.right)
    }
}

/// Largest stride, dilation or padding. Far beyond any use, and small enough that no product with a tensor's side overflows.
pub(super) const MAX_STEP: usize = 1 << 20;

/// Refuses what arithmetic on coordinates could not hold.
pub(super) fn check_steps(stride: [usize; 2], dilation: [usize; 2], p: Padding) -> Result<(), String> {
    let steps = [stride[0], stride[1], dilation[0], dilation[1], p.top, p.bottom, p.left, p.right];
    match steps.into_iter().max() {
        Some(most) if most > MAX_STEP => {
            Err(format!("stride, dilation and padding must be at most {MAX_STEP}, got {most}"))
        }
        _ => Ok(()),
    }
}

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

    fn check(&self) -> Result<(), String> {
        if self.groups == 0 || self.stride.contains(&0) || self.dilation.contains(&0) {
            return Err(format!(
                "stride, dilation and groups must be at least 1, got stride {:?}, dilation {:?}, groups {}",
                self.stride, self.dilation, self.groups
            ));
        }
        check_steps(self.stride, self.dilation, self.padding)
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
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
}

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

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
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
}

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

impl Conv2dGradWeight {
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
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
}

fn channels_error(weight: Shape, groups: usize, needs: usize, got: usize) -> String {
    format!("weight {weight} with {groups} groups needs {needs} input channels, got {got}")
}

fn check_bias(bias: Option<&TensorType>, channels: usize) -> Result<(), String> {
    match bias {
        Some(b) if b.shape != Shape::channels(channels) => {
            Err(format!("the bias must be {}, got {}", Shape::channels(channels), b.shape))
        }
        _ => Ok(()),
    }
}
