//! Limits and maxima that keep what is not a number. Of the standard library's, `max` and `min` return the other number.

/// `max(x, low)`, NaN if `x` is.
pub(crate) fn at_least(x: f64, low: f64) -> f64 {
    if x < low { low } else { x }
}

/// `min(x, high)`, NaN if `x` is.
pub(crate) fn at_most(x: f64, high: f64) -> f64 {
    if x > high { high } else { x }
}

/// The larger of both, NaN if one of them is.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// The largest of a list, NaN if one of them is.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, larger)
}
