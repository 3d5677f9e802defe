//! Batch normalisation and the reductions behind it.

use crate::{Shape, TensorType};

/// `(x - mean) / sqrt(var + eps) * scale + shift` per channel; all vectors are `1×1×1×C`.
///
/// At inference `mean` and `var` are the running statistics; in training they are those of the batch
/// ([`Reduce`] and [`super::Op::ChannelVariance`]). Both may also be the result of [`super::Op::BatchStatistics`], given twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a `scale` input (PyTorch's `weight`, Keras' `gamma`).
    pub scale: bool,
    /// Whether there is a `shift` input (PyTorch's `bias`, Keras' `beta`).
    pub shift: bool,
    /// Whether `mean` and `var` are computed from this very `x`. The result is the same; the gradient with respect to `x` then
    /// includes the way through them, and none flows into `mean` and `var` themselves.
    pub batch: bool,
}

impl BatchNorm {
    /// Number of inputs.
    pub const fn inputs(&self) -> usize {
        3 + self.scale as usize + self.shift as usize
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(format!("eps must be finite and not negative, got {}", self.eps));
        }
        let wanted = Shape::channels(inputs[0].shape.c);
        let both = [statistics(inputs[0]); 2];
        let affine = if inputs[1..3].iter().map(|ty| ty.shape).eq(both) { 3 } else { 1 };
        for ty in &inputs[affine..] {
            if ty.shape != wanted {
                return Err(format!("statistics, scale and shift must be {wanted}, got {}", ty.shape));
            }
        }
        Ok(inputs[0])
    }
}

/// The gradient of [`BatchNorm`] with respect to `x`. With `x̂ = (x - mean) / sqrt(var + eps)` and `k = scale / sqrt(var + eps)`
/// it is `k * dy` for given statistics, and `k * (dy - (Σ dy + x̂ * Σ dy*x̂) / count)` for those of the batch, the sums over N, H
/// and W (Ioffe and Szegedy 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGrad {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a `scale` input.
    pub scale: bool,
    /// Whether the statistics are those of the batch; then the sums are the last input.
    pub batch: bool,
}

impl BatchNormGrad {
    pub(super) const fn inputs(&self) -> usize {
        4 + self.scale as usize + self.batch as usize
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        infer_grad_sums(self.eps, &inputs[..4])?;
        let c = inputs[0].shape.c;
        if self.scale && inputs[4].shape != Shape::channels(c) {
            return Err(format!("the scale must be {}, got {}", Shape::channels(c), inputs[4].shape));
        }
        let sums = statistics(inputs[0]);
        match inputs.last() {
            Some(last) if self.batch && last.shape != sums => {
                Err(format!("the sums must be {sums}, got {}", last.shape))
            }
            _ => Ok(inputs[0]),
        }
    }
}

pub(super) fn infer_grad_sums(eps: f64, inputs: &[TensorType]) -> Result<TensorType, String> {
    let plain = BatchNorm { eps, scale: false, shift: false, batch: true };
    plain.infer(&[inputs[0], inputs[2], inputs[3]])?;
    if inputs[0].shape != inputs[1].shape {
        return Err(format!("x is {}, dy is {}", inputs[0].shape, inputs[1].shape));
    }
    Ok(TensorType::image(statistics(inputs[0])))
}

/// The shape of a mean and a variance, or of two sums, for each channel of `x`.
pub(super) const fn statistics(x: TensorType) -> Shape {
    Shape { n: 2, ..Shape::channels(x.shape.c) }
}

/// The running statistic after a step: `keep * running + take * batch`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningStat {
    /// Factor of the running value.
    pub keep: f64,
    /// Factor of the batch's value; holds `n/(n-1)` where the unbiased variance is stored.
    pub take: f64,
    /// The sample of `batch` that is the batch's value, 0 if there is but one.
    pub sample: usize,
}

impl RunningStat {
    /// PyTorch's rule for a mean: `(1-m)*running + m*batch`. Keras' momentum `k` is `1 - m`.
    pub fn mean(momentum: f64) -> Self {
        Self { keep: 1.0 - momentum, take: momentum, sample: 0 }
    }

    /// The same for a biased variance over `count` values that is to be stored unbiased, as PyTorch and TensorFlow's fused
    /// kernel do: the batch's value is multiplied by `count/(count-1)`.
    pub fn unbiased_variance(momentum: f64, count: usize) -> Self {
        let take = momentum * count as f64 / (count.max(2) - 1) as f64;
        Self { keep: 1.0 - momentum, take, sample: 0 }
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
    /// Whether the result is sum, mean or maximum.
    pub reduction: Reduction,
    /// Whether it goes over the batch.
    pub n: bool,
    /// Whether it goes over rows.
    pub h: bool,
    /// Whether it goes over columns.
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

impl RunningStat {
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (running, batch) = (inputs[0].shape, inputs[1].shape);
        let one_of_two = self.sample < 2 && running.n == 1 && batch == Shape { n: 2, ..running };
        if (self.sample == 0 && running == batch) || one_of_two {
            return Ok(inputs[0]);
        }
        let of = if self.sample == 0 { String::new() } else { format!("sample {} of ", self.sample) };
        Err(format!("running statistic {running} and {of}batch statistic {batch} differ"))
    }
}
