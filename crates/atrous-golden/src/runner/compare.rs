//! Comparison of computed values with stored ones.

use super::{CaseError, array::position};

/// Compares values with stored ones. With `atol` 0 they must have the same bits; otherwise each value may differ by `atol`, and NaN
/// always fails. `what` names the tensor in the error.
pub(super) fn close(what: &str, shape: &[usize], got: &[f32], want: &[f32], atol: f64) -> Result<(), CaseError> {
    if got.len() != want.len() {
        return Err(CaseError::Failed(format!("{what} has {} values, expected {}", got.len(), want.len())));
    }
    let off = |i: usize| {
        let difference = (f64::from(got[i]) - f64::from(want[i])).abs();
        let same = got[i].to_bits() == want[i].to_bits();
        if same {
            0.0
        } else if difference.is_nan() {
            f64::INFINITY
        } else if atol == 0.0 {
            // The bits of 0 and -0 differ, the numbers do not.
            difference.max(f64::MIN_POSITIVE)
        } else {
            difference
        }
    };
    let wrong: Vec<usize> = (0..got.len()).filter(|i| off(*i) > atol).collect();
    let Some(worst) = wrong.iter().copied().max_by(|a, b| off(*a).total_cmp(&off(*b))) else {
        return Ok(());
    };
    Err(CaseError::Failed(format!(
        "{what} at {:?} is {:e}, expected {:e}: off by {:.3e}, allowed {atol:.3e} ({} of {} values off)",
        position(shape, worst),
        got[worst],
        want[worst],
        (f64::from(got[worst]) - f64::from(want[worst])).abs(),
        wrong.len(),
        got.len()
    )))
}

/// Compares integers with stored ones.
pub(super) fn equal(what: &str, shape: &[usize], got: &[i64], want: &[i64]) -> Result<(), CaseError> {
    if got.len() != want.len() {
        return Err(CaseError::Failed(format!("{what} has {} values, expected {}", got.len(), want.len())));
    }
    let wrong: Vec<usize> = (0..got.len()).filter(|i| got[*i] != want[*i]).collect();
    let Some(&first) = wrong.first() else {
        return Ok(());
    };
    Err(CaseError::Failed(format!(
        "{what} at {:?} is {}, expected {}: off by {}, allowed 0 ({} of {} values off)",
        position(shape, first),
        got[first],
        want[first],
        (got[first] - want[first]).abs(),
        wrong.len(),
        got.len()
    )))
}

/// Compares one number.
pub(super) fn number(what: &str, got: f64, want: f64, atol: f64) -> Result<(), CaseError> {
    let off = (got - want).abs();
    if off <= atol {
        return Ok(());
    }
    Err(CaseError::Failed(format!("{what} is {got}, expected {want}: off by {off:.3e}, allowed {atol:.3e}")))
}

/// The largest deviation of two tensors of equal length.
pub(super) fn largest_deviation(got: &[f32], want: &[f32]) -> f64 {
    got.iter().zip(want).map(|(g, w)| (f64::from(*g) - f64::from(*w)).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perturbed_value_fails_and_is_named() {
        let want = [1.0f32, 2.0, 3.0, 4.0];
        assert_eq!(close("out", &[2, 2], &want, &want, 0.0), Ok(()));
        assert_eq!(close("out", &[2, 2], &[1.0, 2.0, 3.0, 4.1], &want, 0.2), Ok(()));
        let text = close("out", &[2, 2], &[1.0, 2.0, 3.5, 4.0], &want, 0.25).unwrap_err().to_string();
        assert_eq!(text, "out at [1, 0] is 3.5e0, expected 3e0: off by 5.000e-1, allowed 2.500e-1 (1 of 4 values off)");
        assert!(close("out", &[1], &[f32::NAN], &[1.0], 1e9).is_err());
        assert!(close("out", &[1], &[1.0], &[1.0, 2.0], 1.0).is_err());
    }

    #[test]
    fn zero_tolerance_asks_for_the_same_bits() {
        assert!(close("out", &[1], &[f32::from_bits(0x3f80_0001)], &[1.0], 0.0).is_err());
        assert!(close("out", &[1], &[-0.0], &[0.0], 0.0).is_err());
        assert_eq!(close("out", &[1], &[-0.0], &[0.0], 1e-9), Ok(()));
    }

    #[test]
    fn integers_and_numbers() {
        assert!(equal("i", &[2], &[1, 2], &[1, 2]).is_ok());
        assert!(equal("i", &[2], &[1, 3], &[1, 2]).unwrap_err().to_string().contains("at [1] is 3, expected 2"));
        assert!(number("mean", 1.0, 1.1, 0.2).is_ok());
        assert!(number("mean", f64::NAN, 1.1, 0.2).is_err());
        assert_eq!(largest_deviation(&[1.0, 2.0], &[1.5, 2.0]), 0.5);
    }
}
