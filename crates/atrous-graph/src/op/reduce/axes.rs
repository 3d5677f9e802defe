//! Reductions over samples, rows and columns.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Sum.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Maximum.
    Max,
}

/// Reduces over some of N, H, W, which become 1. Channels are never reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// Sum, mean or maximum.
    pub reduction: Reduction,
    /// Whether N is reduced.
    pub n: bool,
    /// Whether H is reduced.
    pub h: bool,
    /// Whether W is reduced.
    pub w: bool,
}

impl Reduce {
    /// Mean over rows and columns: global average pooling.
    pub const MEAN_HW: Self = Self { reduction: Reduction::Mean, n: false, h: true, w: true };
    /// Maximum over rows and columns: global max pooling.
    pub const MAX_HW: Self = Self { reduction: Reduction::Max, n: false, h: true, w: true };
    /// Mean over everything but channels: the batch mean of batch normalisation.
    pub const MEAN_NHW: Self = Self { reduction: Reduction::Mean, n: true, h: true, w: true };
    /// Sum over everything but channels: the gradient of a bias.
    pub const SUM_NHW: Self = Self { reduction: Reduction::Sum, n: true, h: true, w: true };

    /// Number of values of `x` that are reduced to one.
    pub const fn count(&self, x: Shape) -> usize {
        (if self.n { x.n } else { 1 }) * (if self.h { x.h } else { 1 }) * (if self.w { x.w } else { 1 })
    }
}

impl Definition for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = inputs[0].shape;
        let keep = |reduced: bool, size: usize| if reduced { 1 } else { size };
        Ok(TensorType::image(Shape::new(keep(self.n, s.n), keep(self.h, s.h), keep(self.w, s.w), s.c)))
    }

    fn attributes(&self) -> String {
        let axes = [(self.n, "n"), (self.h, "h"), (self.w, "w")];
        let axes: String = axes.iter().filter(|(on, _)| *on).map(|(_, a)| *a).collect();
        format!("{:?} over {axes}", self.reduction).to_lowercase()
    }

    fn stored_as_input(&self) -> bool {
        false
    }
}
