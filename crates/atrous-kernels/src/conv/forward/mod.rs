//! The variants of a convolution.
//!
//! Those that keep tiles in workgroup memory come before those that keep them in registers, except on software adapters, where a barrier
//! costs more than it saves.

mod cooperative;
mod depthwise;
mod depthwise_multiplier;
mod direct;
mod gemm_registers;
mod gemm_split;
mod gemm_tiled;
mod im2col;
mod implicit_gemm_registers;
mod implicit_gemm_split;
mod implicit_gemm_tiled;
mod stem;

use super::problem::Conv;
use crate::variant::Variants;

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Conv> = Variants {
    best_first: &[
        &depthwise::VARIANT,
        &depthwise_multiplier::VARIANT,
        &stem::VARIANT,
        &cooperative::VARIANT,
        &gemm_split::VARIANT,
        &gemm_tiled::VARIANT,
        &gemm_registers::VARIANT,
        &implicit_gemm_split::VARIANT,
        &implicit_gemm_tiled::VARIANT,
        &implicit_gemm_registers::VARIANT,
        &im2col::VARIANT,
    ],
    last: &direct::VARIANT,
};
