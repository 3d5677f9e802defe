//! Parsers for values of flags.

use std::time::Duration;

/// The largest side, batch and number of classes that flags accept.
const MAX: usize = 65_535;

/// Parses a whole number from 1 to [`MAX`].
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=MAX).contains(&n) => Ok(n),
        _ => Err(format!("expected a number from 1 to {MAX}")),
    }
}

/// Parses a whole number that TOML can hold: from 0 to 2⁶³ - 1. What it counts has its own bounds.
pub(crate) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number <= i64::MAX as u64);
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("expected a whole number from 0 to {}", i64::MAX))
}

/// Parses a positive number of seconds, at most a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected a number of seconds, a day at most".to_owned()),
    }
}

/// Parses height and width: `224` for both, or `224x320`.
pub(crate) fn size(text: &str) -> Result<[usize; 2], String> {
    let (h, w) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
    match (count(h), count(w)) {
        (Ok(h), Ok(w)) => Ok([h, w]),
        _ => Err(format!("expected HEIGHTxWIDTH, such as 224x320, each from 1 to {MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_fit_into_toml() {
        assert_eq!((whole("0"), whole("9223372036854775807")), (Ok(0usize), Ok(i64::MAX as u64)));
        for bad in ["", "-1", "1.5", "9223372036854775808", "18446744073709551616"] {
            assert!(whole::<u64>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_height_by_width() {
        assert_eq!(size("224x320"), Ok([224, 320]));
        assert_eq!(size("513"), Ok([513, 513]));
        for bad in ["", "x", "0", "224x", "-1x3", "1x2x3", "65536"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
