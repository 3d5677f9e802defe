//! Windows that slide over an image.

use crate::op::padding::{MAX_STEP, Padding, check_steps};
use crate::{Shape, TensorType};

/// A sliding window. Pairs are (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// Padding around the image.
    pub padding: Padding,
    /// Round the number of positions up, as PyTorch's `ceil_mode`: a last window that starts inside the image or its
    /// top or left padding counts, even if it extends past the end.
    pub ceil_mode: bool,
}

impl Window {
    /// A window without dilation or padding.
    pub const fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, dilation: [1, 1], padding: Padding::NONE, ceil_mode: false }
    }

    /// The first row (`axis` 0) or column (`axis` 1) of the image that the window at position `out` covers. Negative if
    /// it starts in the padding.
    pub const fn start(&self, axis: usize, out: usize) -> isize {
        let before = if axis == 0 { self.padding.top } else { self.padding.left };
        (out * self.stride[axis]) as isize - before as isize
    }

    /// Height and width of the result.
    ///
    /// # Errors
    /// A zero in kernel, stride or dilation; one of them or the padding too large; a window larger than the padded
    /// image.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        if self.kernel.contains(&0) || self.stride.contains(&0) || self.dilation.contains(&0) {
            return Err(format!(
                "kernel, stride and dilation must be at least 1, got {:?}, {:?}, {:?}",
                self.kernel, self.stride, self.dilation
            ));
        }
        check_steps(self.stride, self.dilation, self.padding)?;
        if let Some(most) = self.kernel.into_iter().max().filter(|k| *k > MAX_STEP) {
            return Err(format!("a window may have at most {MAX_STEP} taps a side, got {most}"));
        }
        let before = [self.padding.top, self.padding.left];
        let after = [self.padding.bottom, self.padding.right];
        let mut out = [0; 2];
        for i in 0..2 {
            let reach = (self.kernel[i] - 1) * self.dilation[i] + 1;
            let padded = size[i] + before[i] + after[i];
            let axis = ["rows", "columns"][i];
            if padded < reach && !(self.ceil_mode && padded + self.stride[i] > reach) {
                return Err(format!("the window reaches over {reach} {axis}, the padded image has {padded}"));
            }
            let room = padded as isize - reach as isize;
            let stride = self.stride[i] as isize;
            let mut n =
                if self.ceil_mode { (room + stride - 1).div_euclid(stride) } else { room.div_euclid(stride) } + 1;
            if self.ceil_mode && (n - 1) * stride >= (size[i] + before[i]) as isize {
                n -= 1;
            }
            out[i] = usize::try_from(n).unwrap_or(0);
        }
        Ok(out)
    }

    /// Shape of the result for an image. Fails if a window covers padding only.
    pub(super) fn infer(&self, x: TensorType) -> Result<Shape, String> {
        let size = [x.shape.h, x.shape.w];
        let out = self.output_size(size)?;
        for axis in 0..2 {
            for o in 0..out[axis] {
                if !self.covers(axis, o, size[axis]) {
                    let name = ["row", "column"][axis];
                    return Err(format!("the window at output {name} {o} covers padding only"));
                }
            }
        }
        Ok(Shape::new(x.shape.n, out[0], out[1], x.shape.c))
    }

    fn covers(&self, axis: usize, out: usize, size: usize) -> bool {
        let start = self.start(axis, out);
        (0..self.kernel[axis]).any(|k| {
            let at = start + (k * self.dilation[axis]) as isize;
            at >= 0 && at < size as isize
        })
    }

    /// The attributes as text.
    pub(super) fn attributes(&self) -> String {
        let Self { kernel, stride, dilation, padding, ceil_mode } = self;
        let ceil = if *ceil_mode { " ceil" } else { "" };
        format!("kernel {kernel:?} stride {stride:?} dilation {dilation:?} padding {padding}{ceil}")
    }
}
