//! Convolution, transposed convolution and the filter's gradient: the choice of the kernel, and its dispatches.
//!
//! Each variant is a value in its own file. `forward`, `transposed` and `grad_weight` list them, best first. Variants
//! with tiles in workgroup memory come before those with tiles in registers, except on software adapters, where a
//! barrier costs more than it saves.

mod conditions;
mod depthwise_strips;
pub(crate) mod forward;
mod fused;
pub(crate) mod grad_weight;
mod operands;
mod problem;
mod product;
mod slabs;
mod split;
mod tile;
pub(crate) mod transposed;

use crate::error::PlanError;
use crate::tile::Tile;
use crate::variant::{Entry, find};

/// Names of the variants that may serve a convolution, best first.
pub const CONV2D_VARIANTS: &[&str] = &forward::VARIANTS.names::<{ forward::VARIANTS.count() }>();

/// Names of the variants that may serve a transposed convolution, best first.
pub const GRAD_INPUT_VARIANTS: &[&str] = &transposed::VARIANTS.names::<{ transposed::VARIANTS.count() }>();

/// Names of the variants that may serve a filter's gradient, best first.
pub const GRAD_WEIGHT_VARIANTS: &[&str] = &grad_weight::VARIANTS.names::<{ grad_weight::VARIANTS.count() }>();

/// The variants of convolutions, transposed ones and filters' gradients.
pub(crate) fn entries() -> Vec<&'static Entry> {
    [forward::VARIANTS.entries(), transposed::VARIANTS.entries(), grad_weight::VARIANTS.entries()].concat()
}

/// The tiles that a variant is linked for; empty if it has no choice of tiles.
///
/// # Errors
/// [`PlanError::UnknownVariant`] if no convolution has a variant of this name.
pub fn tiles(variant: &str) -> Result<&'static [Tile], PlanError> {
    find(variant, &entries()).map(|entry| entry.tiles)
}

#[cfg(test)]
mod tests;
