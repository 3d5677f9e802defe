//! Values that no network computes with.

use atrous_nn::{ParameterKind, ParameterSpec};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;

/// Values that are looked at as one task.
const CHUNK: usize = 1 << 16;

/// A parameter with values that are NaN or infinite, or a running variance with negative ones: what a training that diverged, a failed
/// conversion or a mistaken tensor leave, and what every result of the network would be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "parameter \"{name}\": {count} of {len} values {}, the first is {value} at position {first}",
    if *negative { "of this running variance are negative or not finite" } else { "are not finite" }
)]
#[non_exhaustive]
pub struct BadValues {
    /// The parameter.
    pub name: String,
    /// Whether negative values count as well.
    pub negative: bool,
    /// Number of these values.
    pub count: usize,
    /// Number of all values.
    pub len: usize,
    /// Position of the first of them, in row-major order of the shape as the framework stores it.
    pub first: usize,
    /// The first of them.
    pub value: f32,
}

/// Checks that all values of a parameter are finite, and those of a running variance not negative.
///
/// # Errors
/// [`BadValues`].
pub fn check_values(spec: &ParameterSpec, values: &[f32]) -> Result<(), BadValues> {
    check(spec, values, |value| *value)
}

/// [`check_values`] of little-endian bytes; all values of an element type other than F32, F16 and BF16 pass.
pub(super) fn check_bytes(spec: &ParameterSpec, dtype: Dtype, bytes: &[u8]) -> Result<(), BadValues> {
    match dtype {
        Dtype::F32 => check(spec, bytes.as_chunks::<4>().0, |word| f32::from_le_bytes(*word)),
        Dtype::F16 => check(spec, bytes.as_chunks::<2>().0, |word| f16::from_le_bytes(*word).to_f32()),
        Dtype::BF16 => check(spec, bytes.as_chunks::<2>().0, |word| bf16::from_le_bytes(*word).to_f32()),
        _ => Ok(()),
    }
}

fn check<T: Sync>(spec: &ParameterSpec, values: &[T], read: impl Fn(&T) -> f32 + Sync) -> Result<(), BadValues> {
    let negative = matches!(spec.kind, ParameterKind::RunningVar);
    let least = if negative { 0.0 } else { f32::MIN };
    // A comparison with NaN is false.
    let bad = |value: &&T| !(least..=f32::MAX).contains(&read(value));
    let count: usize = values.par_chunks(CHUNK).map(|part| part.iter().filter(|value| bad(value)).count()).sum();
    if count == 0 {
        return Ok(());
    }
    let first = values.iter().position(|value| bad(&value)).unwrap_or_default();
    let (name, value) = (spec.name.clone(), read(&values[first]));
    Err(BadValues { name, negative, count, len: values.len(), first, value })
}
