//! Boxes that are cut out of tensors or put into them.

use crate::op::definition::Definition;
use crate::{Layout, Shape, TensorType};

/// A box of the tensor: along each axis, `size` elements from `start`. A slice of a filter has all taps and input
/// channels.
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

    /// Channels `first .. first + count` of every pixel.
    pub const fn channels(x: Shape, first: usize, count: usize) -> Self {
        Self { start: [0, 0, 0, first], size: Shape::new(x.n, x.h, x.w, count) }
    }
}

impl Definition for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let x = inputs[0];
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

    fn attributes(&self) -> String {
        format!("{} from {:?}", self.size, self.start)
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }

    fn takes_any_layout(&self, _inputs: &[TensorType]) -> bool {
        true
    }
}

/// Puts `x` into a tensor of zeros with shape `shape`, its first element at `start`: the adjoint of [`Slice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// First sample, row, column, channel of `x` in the result.
    pub start: [usize; 4],
    /// Extent of the result.
    pub shape: Shape,
}

impl Definition for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let x = inputs[0];
        let whole = TensorType { shape: self.shape, ..x };
        Slice { start: self.start, size: x.shape }.infer(&[whole])?;
        Ok(whole)
    }

    fn attributes(&self) -> String {
        format!("into {} at {:?}", self.shape, self.start)
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }
}
