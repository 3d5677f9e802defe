//! Data movement: concat, slice, pad, and the class map.

use crate::{Layout, Shape, TensorType};

use super::Padding;
use super::conv::check_steps;

/// A box of the tensor: `size` elements from `start`, per side. Of a filter it has all taps and input channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First sample, row, column, channel.
    pub start: [usize; 4],
    /// Extent of the result.
    pub size: Shape,
}

impl Slice {
    /// `height×width` pixels of every sample, from row `top` and column `left`.
    pub const fn crop(x: Shape, top: usize, left: usize, height: usize, width: usize) -> Self {
        Self { start: [0, top, left, 0], size: Shape::new(x.n, height, width, x.c) }
    }

    /// `count` channels from `first`.
    pub const fn channels(x: Shape, first: usize, count: usize) -> Self {
        Self { start: [0, 0, 0, first], size: Shape::new(x.n, x.h, x.w, count) }
    }

    pub(super) fn infer(&self, x: TensorType) -> Result<TensorType, String> {
        for (i, (size, have)) in self.size.dims().into_iter().zip(x.shape.dims()).enumerate() {
            if self.start[i].checked_add(size).is_none_or(|end| end > have) {
                let axis = ["samples", "rows", "columns", "channels"][i];
                return Err(format!("{size} {axis} from {} lie outside of the {have} there are", self.start[i]));
            }
        }
        let Shape { n, h, w, .. } = x.shape;
        if x.layout == Layout::Filter && (n, h, w) != (self.size.n, self.size.h, self.size.w) {
            return Err(format!("of a filter {} only output channels can be cut out, got {}", x.shape, self.size));
        }
        Ok(TensorType { shape: self.size, ..x })
    }
}

/// Puts `x` into zeros of `shape`, its first element at `start`: the adjoint of [`Slice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// First sample, row, column, channel.
    pub start: [usize; 4],
    /// Extent of the result.
    pub shape: Shape,
}

impl Place {
    pub(super) fn infer(&self, x: TensorType) -> Result<TensorType, String> {
        let whole = TensorType { shape: self.shape, ..x };
        Slice { start: self.start, size: x.shape }.infer(whole)?;
        Ok(whole)
    }
}

/// What the added pixels hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// The same number in all of them.
    Constant(f32),
    /// The image mirrored at its edge pixel, which is not repeated. Needs less padding than the image has pixels.
    Reflect,
    /// Copies of the nearest edge pixel.
    Replicate,
}

/// Adds rows and columns around the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pad {
    /// How many rows and columns are added on each side.
    pub padding: Padding,
    /// What the added pixels hold.
    pub mode: PadMode,
}

impl Pad {
    pub(super) fn infer(&self, x: TensorType) -> Result<TensorType, String> {
        let Shape { n, h, w, c } = x.shape;
        let p = self.padding;
        check_steps([1, 1], [1, 1], p)?;
        if self.mode == PadMode::Reflect && (p.top.max(p.bottom) >= h || p.left.max(p.right) >= w) {
            return Err(format!("reflection of {p} needs more pixels than the {h}×{w} there are"));
        }
        if let PadMode::Constant(v) = self.mode
            && !v.is_finite()
        {
            return Err(format!("the padding value must be finite, got {v}"));
        }
        Ok(TensorType { shape: Shape::new(n, h + p.top + p.bottom, w + p.left + p.right, c), ..x })
    }
}

pub(super) fn infer_concat(inputs: &[TensorType]) -> Result<TensorType, String> {
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

pub(super) fn infer_argmax(x: TensorType) -> TensorType {
    TensorType::map(Shape { c: 1, ..x.shape })
}
