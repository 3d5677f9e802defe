//! Zeros around images, and a limit of strides, dilations and padding.

use std::fmt;

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

/// Checks that stride, dilation and padding are at most [`MAX_STEP`], so that arithmetic on coordinates cannot
/// overflow.
pub(super) fn check_steps(stride: [usize; 2], dilation: [usize; 2], p: Padding) -> Result<(), String> {
    let steps = [stride[0], stride[1], dilation[0], dilation[1], p.top, p.bottom, p.left, p.right];
    match steps.into_iter().max() {
        Some(most) if most > MAX_STEP => {
            Err(format!("stride, dilation and padding must be at most {MAX_STEP}, got {most}"))
        }
        _ => Ok(()),
    }
}
