//! The variants of a transposed convolution.

mod depthwise;
mod direct;
mod phase;
mod phases;
mod tiled;

use super::problem::{Conv, ConvProblem};
use crate::error::PlanError;
use crate::kernel::within;
use crate::variant::Variants;

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Conv> =
    Variants { best_first: &[&depthwise::VARIANT, &tiled::VARIANT, &phase::VARIANT], last: &direct::VARIANT };

/// Unlike a convolution's filter, this one may reach beyond all images; coordinates are numbers of 32 bits.
///
/// # Errors
/// [`PlanError::Limit`] if it reaches beyond those.
pub(super) fn check_reach(p: &ConvProblem<'_>) -> Result<(), PlanError> {
    let reach = |axis: usize| p.kernel[axis] as u64 * p.conv.dilation[axis] as u64;
    (0..2).try_for_each(|axis| within("pixels under the filter", reach(axis), 1 << 31))
}
