//! When a computed result counts as equal to the reference.

use std::fmt;

use atrous_graph::{DType, Shape};

use crate::Tensor;

/// The rule `|got - want| <= rtol * (m + floor * max m)`, where `m` is the [`magnitude`](crate::magnitude()) of each
/// result. For results stored in f16, the rounding to f16 is allowed in addition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Allowed error relative to the magnitude.
    pub rtol: f64,
    /// Fraction of the tensor's largest magnitude that is added to each magnitude.
    pub floor: f64,
    /// The type that results are stored in, [`DType::F32`] or [`DType::F16`].
    pub storage: DType,
}

impl Tolerance {
    /// For everything computed in f32 from f32 inputs, whatever the operation and its size.
    ///
    /// One rounding is `2^-24 ≈ 6e-8`. A running sum of `K` terms of one sign accumulates about `0.4 sqrt(K/3)` of them
    /// (standard deviation, relative to the sum), so 1e-5 is five deviations for the longest convolutions there are
    /// (`K = 18432`, 3×3 over 2048 channels) and more than enough for sums of mixed signs. A wrong tap, a lost channel
    /// or a shifted pixel is an error of 1e-4 and more. WGSL's own bounds for `exp`, `log`, division and square root
    /// are within it. Without the floor, a result whose terms are all tiny would have to be more accurate than the
    /// rounding of its neighbours.
    pub const F32: Self = Self { rtol: 1e-5, floor: 1e-3, storage: DType::F32 };

    /// For results that are computed in f32 from f16 inputs and stored in f16. The sum obeys [`Self::F32`]; storing it
    /// adds one rounding of `2^-11` of it, however long the sum is. A kernel that sums in f16 accumulates many such
    /// roundings, and fails.
    pub const F16: Self = Self { storage: DType::F16, ..Self::F32 };

    /// The tolerance of results stored in this type.
    pub const fn of(storage: DType) -> Self {
        Self { storage, ..Self::F32 }
    }
}

/// Two results that differ. Infinite results print as `inf`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Number of values that differ by more than is allowed.
    pub count: usize,
    /// Number of all values.
    pub total: usize,
    /// Position of the value that exceeds the allowed error by the largest factor: sample, row, column, channel.
    pub worst: [usize; 4],
    /// The computed value there.
    pub got: f64,
    /// The value of the reference there.
    pub want: f64,
    /// `|got - want|`, infinite if one of them is not a number.
    pub error: f64,
    /// The allowed error there.
    pub allowed: f64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [n, y, x, c] = self.worst;
        let Self { count, total, got, want, error, allowed, .. } = self;
        write!(f, "{count} of {total} values are off, worst at n {n}, y {y}, x {x}, c {c}: ")?;
        write!(f, "got {got}, want {want}, off by {error:.3e}, allowed {allowed:.3e}")
    }
}

/// Why a result is not accepted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// Results, reference and magnitude differ in size.
    #[error("the reference is {want}, its magnitude {magnitude}, and {got} values were computed")]
    Length {
        /// Number of computed values.
        got: usize,
        /// Shape of the reference.
        want: Shape,
        /// Shape of the magnitude.
        magnitude: Shape,
    },
    /// Some values differ by more than is allowed.
    #[error("{0}")]
    Values(Mismatch),
}

/// Accepts `got`, dense and row-major, if every value obeys the rule of [`Tolerance`].
///
/// If the allowed error is not zero, the smallest normal f32 is added to it, since WGSL lets a device flush smaller
/// numbers to zero. If `want`, rounded to f32, is NaN or infinite, `got` must be the same; if it is finite, a NaN or an
/// infinity always fails.
///
/// Results stored in f16 may also be off by half a unit in their last place. If the rule allows no error, they must be
/// `want` rounded to f16. Numbers below the smallest normal f16 may be flushed to zero. Infinity counts as the number
/// one step after the largest f16.
///
/// # Errors
/// [`CompareError::Length`] if the sizes differ, [`CompareError::Values`] if a value differs by more than is allowed.
pub fn compare(got: &[f32], want: &Tensor, magnitude: &Tensor, tolerance: Tolerance) -> Result<(), CompareError> {
    if tolerance.storage == DType::F16 {
        return compare_f16(got, want, magnitude, tolerance);
    }
    let largest = magnitude.data.iter().copied().fold(0.0, f64::max);
    let allowed = magnitude.data.iter().map(|m| match tolerance.rtol * (m + tolerance.floor * largest) {
        0.0 => 0.0,
        allowed => allowed + f64::from(f32::MIN_POSITIVE),
    });
    judge(got.iter().map(|v| f64::from(*v)), want, magnitude.shape, allowed)
}

/// Unit roundoff of f16: half a unit in the last of its 11 binary digits.
const F16_ROUNDOFF: f64 = 1.0 / 2048.0;

/// The number one step after the largest f16. All larger numbers and infinity count as this one.
const F16_BEYOND: f64 = 65536.0;

fn compare_f16(got: &[f32], want: &Tensor, magnitude: &Tensor, tolerance: Tolerance) -> Result<(), CompareError> {
    let within = |v: f64| v.clamp(-F16_BEYOND, F16_BEYOND);
    let largest = magnitude.data.iter().copied().fold(0.0, f64::max);
    let sums: Vec<f64> = magnitude.data.iter().map(|m| tolerance.rtol * (m + tolerance.floor * largest)).collect();
    let stored = want.rounded_to_f16();
    let exact = sums.iter().map(|allowed| *allowed == 0.0);
    let wanted = exact.zip(want.data.iter().zip(stored.data)).map(|(exact, (w, s))| within(if exact { s } else { *w }));
    let wanted = Tensor { shape: want.shape, data: wanted.collect() };
    let allowed = sums.iter().zip(&wanted.data).map(|(allowed, want)| match *allowed {
        0.0 => 0.0,
        sum => sum + F16_ROUNDOFF * (want.abs() + sum) + f64::from(half::f16::MIN_POSITIVE),
    });
    judge(got.iter().map(|v| within(f64::from(*v))), &wanted, magnitude.shape, allowed)
}

/// Accepts a u32 map, dense and row-major, if it equals the reference.
///
/// # Errors
/// As [`compare`].
pub fn compare_u32(got: &[u32], want: &Tensor) -> Result<(), CompareError> {
    judge(got.iter().map(|v| f64::from(*v)), want, want.shape, std::iter::repeat(0.0))
}

fn judge(
    got: impl ExactSizeIterator<Item = f64>,
    want: &Tensor,
    magnitude: Shape,
    allowed: impl Iterator<Item = f64>,
) -> Result<(), CompareError> {
    let total = got.len();
    if total != want.data.len() || magnitude != want.shape {
        return Err(CompareError::Length { got: total, want: want.shape, magnitude });
    }
    let mut count = 0;
    let mut worst: Option<(f64, Mismatch)> = None;
    for (i, ((got, want_at), allowed)) in got.zip(&want.data).zip(allowed).enumerate() {
        let error = error(got, *want_at);
        // Equal values are accepted whatever the magnitude is, which may be NaN.
        if error == 0.0 || error <= allowed {
            continue;
        }
        count += 1;
        let excess = if allowed > 0.0 { error / allowed } else { f64::INFINITY };
        if worst.as_ref().is_none_or(|(most, w)| (excess, error) > (*most, w.error)) {
            let worst_at = position(want.shape, i);
            worst = Some((excess, Mismatch { count, total, worst: worst_at, got, want: *want_at, error, allowed }));
        }
    }
    match worst {
        None => Ok(()),
        Some((_, mismatch)) => Err(CompareError::Values(Mismatch { count, ..mismatch })),
    }
}

/// `|got - want|`. If one of them is not a finite f32: zero if they agree, else infinite.
fn error(got: f64, want: f64) -> f64 {
    if got.is_finite() && (want as f32).is_finite() {
        (got - want).abs()
    } else if got == f64::from(want as f32) || (got.is_nan() && want.is_nan()) {
        0.0
    } else {
        f64::INFINITY
    }
}

fn position(shape: Shape, i: usize) -> [usize; 4] {
    let (pixel, c) = (i / shape.c, i % shape.c);
    let (row, x) = (pixel / shape.w, pixel % shape.w);
    [row / shape.h, row % shape.h, x, c]
}

#[cfg(test)]
mod tests;
