//! Batch normalisation and the reductions behind it.

use crate::{DType, Shape, TensorType};

/// `(x - mean) / sqrt(var + eps) * scale + shift` per channel; all vectors are `1×1×1×C`.
///
/// At inference `mean` and `var` are the running statistics; in training they are those of the batch
/// ([`Reduce`] and [`super::Op::ChannelVariance`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a `scale` input (PyTorch's `weight`, Keras' `gamma`).
    pub scale: bool,
    /// Whether there is a `shift` input (PyTorch's `bias`, Keras' `beta`).
    pub shift: bool,
}

impl BatchNorm {
    pub(super) const fn inputs(&self) -> usize {
        3 + self.scale as usize + self.shift as usize
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(format!("eps must be finite and not negative, got {}", self.eps));
        }
        let wanted = Shape::channels(inputs[0].shape.c);
        for ty in &inputs[1..] {
            if ty.shape != wanted {
                return Err(format!("statistics, scale and shift must be {wanted}, got {}", ty.shape));
            }
        }
        Ok(inputs[0])
    }
}

/// The running statistic after a step: `keep * running + take * batch`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningStat {
    /// Factor of the old value.
    pub keep: f64,
    /// Factor of the batch's value; holds `n/(n-1)` where the unbiased variance is stored.
    pub take: f64,
}

impl RunningStat {
    /// PyTorch's rule for a mean: `(1-m)*running + m*batch`. Keras' momentum `k` is `1 - m`.
    pub fn mean(momentum: f64) -> Self {
        Self { keep: 1.0 - momentum, take: momentum }
    }

    /// The same for a biased variance over `count` values that is to be stored unbiased, as PyTorch and TensorFlow's fused
    /// kernel do: the batch's value is multiplied by `count/(count-1)`.
    pub fn unbiased_variance(momentum: f64, count: usize) -> Self {
        Self { keep: 1.0 - momentum, take: momentum * count as f64 / (count.max(2) - 1) as f64 }
    }
}

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

/// Reduces over some of the outer sides, which become 1. Channels are never reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// Over the batch.
    pub n: bool,
    /// Over rows.
    pub h: bool,
    /// Over columns.
    pub w: bool,
}

impl Reduce {
    /// Mean over rows and columns: global average pooling.
    pub const MEAN_HW: Self = Self { reduction: Reduction::Mean, n: false, h: true, w: true };
    /// Maximum over rows and columns: global max pooling.
    pub const MAX_HW: Self = Self { reduction: Reduction::Max, n: false, h: true, w: true };
    /// Mean over everything but channels: the batch mean of batch normalisation.
    pub const MEAN_NHW: Self = Self { reduction: Reduction::Mean, n: true, h: true, w: true };

    /// How many values make one result.
    pub const fn count(&self, x: Shape) -> usize {
        (if self.n { x.n } else { 1 }) * (if self.h { x.h } else { 1 }) * (if self.w { x.w } else { 1 })
    }

    pub(super) fn infer(&self, x: TensorType) -> TensorType {
        let s = x.shape;
        let keep = |reduced: bool, size: usize| if reduced { 1 } else { size };
        TensorType::image(Shape::new(keep(self.n, s.n), keep(self.h, s.h), keep(self.w, s.w), s.c))
    }
}

pub(super) fn infer_variance(inputs: &[TensorType]) -> Result<TensorType, String> {
    let wanted = Shape::channels(inputs[0].shape.c);
    if inputs[1].shape != wanted {
        return Err(format!("the mean must be {wanted}, got {}", inputs[1].shape));
    }
    Ok(TensorType::image(wanted))
}

pub(super) fn infer_running(inputs: &[TensorType]) -> Result<TensorType, String> {
    debug_assert_eq!(inputs[0].dtype, DType::F32);
    if inputs[0].shape != inputs[1].shape {
        return Err(format!("running statistic {} and batch statistic {} differ", inputs[0].shape, inputs[1].shape));
    }
    Ok(inputs[0])
}
