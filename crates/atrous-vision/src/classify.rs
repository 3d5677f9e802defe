//! Logits to probabilities and best classes.

use crate::error::{Error, Result};

/// One of the best classes of a picture.
///
/// ```
/// let best = atrous_vision::classify(&[0.0, 2.0, 1.0], 2)?; // logits of one picture
/// assert_eq!([best[0].class, best[1].class], [1, 2]);
/// assert!((best[0].probability - 0.6652).abs() < 1e-4);
/// # Ok::<(), atrous_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Class number.
    pub class: usize,
    /// The network's logit of the class.
    pub logit: f32,
    /// Softmax of the logits, 0..=1.
    pub probability: f64,
}

/// The `k` classes with the largest logits, best first, the lower class first where logits are equal.
///
/// `logits` are those of one picture.
///
/// # Errors
/// Those of [`softmax`] and [`top_k`].
pub fn classify(logits: &[f32], k: usize) -> Result<Vec<Prediction>> {
    let probabilities = softmax(logits)?;
    let prediction = |class| Prediction { class, logit: logits[class], probability: probabilities[class] };
    Ok(top_k(logits, k)?.into_iter().map(prediction).collect())
}

/// Softmax in f64, `exp(x - max) / sum`: safe for logits of any size. Empty logits give no probabilities.
///
/// # Errors
/// [`Error::NotFinite`] if a logit is not a number or +∞, or if all are -∞.
pub fn softmax(logits: &[f32]) -> Result<Vec<f64>> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let bad = |logit: &f32| logit.is_nan() || *logit == f32::INFINITY || largest == f32::NEG_INFINITY;
    if let Some(index) = logits.iter().position(bad) {
        return Err(Error::NotFinite { what: "softmax", index, value: logits[index] });
    }
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(largest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    Ok(powers.into_iter().map(|power| power / sum).collect())
}

/// The positions of the `k` largest values, largest first, the lower position first where values are equal.
///
/// # Errors
/// [`Error::BadK`] if k is zero or exceeds the number of values, [`Error::NotFinite`] if one is not a number.
pub fn top_k(values: &[f32], k: usize) -> Result<Vec<usize>> {
    if k == 0 || k > values.len() {
        return Err(Error::BadK { k, classes: values.len() });
    }
    if let Some(index) = values.iter().position(|value| value.is_nan()) {
        return Err(Error::NotFinite { what: "top k", index, value: values[index] });
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    // A stable sort keeps equal values in order; partial_cmp makes 0 and -0 equal, and no value is NaN.
    order.sort_by(|&a, &b| values[b].partial_cmp(&values[a]).unwrap_or(std::cmp::Ordering::Equal));
    order.truncate(k);
    Ok(order)
}
