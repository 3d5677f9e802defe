//! Mirrored images and permuted axes.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Mirrors rows and/or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flip {
    /// Reverse the order of rows.
    pub vertical: bool,
    /// Reverse the order of columns.
    pub horizontal: bool,
}

impl Definition for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        let axes = [(self.vertical, "rows"), (self.horizontal, "columns")];
        axes.iter().filter(|(on, _)| *on).map(|(_, axis)| *axis).collect::<Vec<_>>().join(" ")
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }
}

/// Permutes the axes N, H, W, C: axis `i` of the result is axis `axes[i]` of `x`, as in PyTorch's `permute`.
///
/// `[0, 3, 1, 2]` converts N×H×W×C to the N×C×H×W of other frameworks: the result's sides are `n×c×h×w`, its last axis
/// is W.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permute {
    /// For each axis of the result, the axis of `x`: a permutation of 0 (N), 1 (H), 2 (W) and 3 (C).
    pub axes: [usize; 4],
}

impl Permute {
    /// Whether axis `axis` of the result is the same axis of `x`.
    ///
    /// # Panics
    /// If `axis` is above 3.
    pub const fn keeps(&self, axis: usize) -> bool {
        self.axes[axis] == axis
    }

    /// The permutation that undoes this one.
    ///
    /// # Panics
    /// If an axis is above 3. [`Op::infer`](crate::Op::infer) refuses such permutations.
    pub const fn inverse(&self) -> Self {
        let mut axes = [0; 4];
        let mut i = 0;
        while i < 4 {
            axes[self.axes[i]] = i;
            i += 1;
        }
        Self { axes }
    }
}

impl Definition for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if let Some(missing) = (0..4).find(|axis| !self.axes.contains(axis)) {
            return Err(format!("the axes must be 0 to 3 in some order, got {:?} without {missing}", self.axes));
        }
        let have = inputs[0].shape.dims();
        let [n, h, w, c] = self.axes.map(|axis| have[axis]);
        Ok(TensorType { shape: Shape::new(n, h, w, c), ..inputs[0] })
    }

    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }
}
