//! Distributions of first values.

use super::stream::Stream;

/// The distribution that a parameter's values are drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// The same number everywhere.
    Constant(f64),
    /// Uniform between `-bound` and `bound`.
    Uniform {
        /// The largest absolute value.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
}

impl Distribution {
    /// Value `i`, computed in f64 and rounded once.
    pub(crate) fn value(self, stream: Stream, i: u64) -> f32 {
        (match self {
            Self::Constant(value) => value,
            Self::Uniform { bound } => (2.0 * stream.uniform(i) - 1.0) * bound,
            Self::Normal { std } => stream.normal(i) * std,
        }) as f32
    }

    /// Checks that values can be drawn: the constant, bound or deviation must be finite.
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Constant(value) if !value.is_finite() => Err(format!("the constant must be finite, got {value}")),
            Self::Uniform { bound: size } | Self::Normal { std: size } if !(size.is_finite() && size >= 0.0) => {
                Err(format!("bound or standard deviation must be finite and not negative, got {size}"))
            }
            _ => Ok(()),
        }
    }
}
