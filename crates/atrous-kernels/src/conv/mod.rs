//! Convolution, transposed convolution and the filter's gradient: which kernel serves, and its dispatches.
//!
//! Kernels that keep tiles in workgroup memory come before those that keep them in registers, except on software
//! adapters, where a barrier costs more than it saves. `direct`, `transposed_direct` and `grad_weight_direct` admit
//! everything.

mod depthwise;
mod forward;
mod grad_weight;
mod problem;
mod split_k;
mod tile;
mod transposed;

pub use forward::CONV2D_VARIANTS;
pub use grad_weight::{GRAD_WEIGHT_VARIANTS, plan_grad_weight};
pub use tile::Tile;
pub use transposed::GRAD_INPUT_VARIANTS;

use atrous_graph::op::{Convolution, FusedConv};

use crate::{NodePlan, PlanError, Problem};

/// Plans a convolution or transposed convolution, alone or fused.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter, or a transposed one's filter 32-bit coordinates.
///
/// # Panics
/// If the operation is none: a bug of the caller.
pub fn plan_conv(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let fused = FusedConv::of(problem.op, problem.inputs.len()).expect("a convolution: a bug of atrous");
    match fused.conv {
        Convolution::Forward(conv) => forward::plan(&problem::ConvProblem::new(conv, fused, problem)),
        Convolution::Transposed(op) => transposed::plan(&problem::ConvProblem::new(op.conv, fused, problem)),
    }
}

/// The tiles that a variant is linked for; none if it works in no tile of a choice.
pub fn tiles(variant: &str) -> &'static [Tile] {
    match variant {
        "gemm_tiled" | "implicit_gemm_tiled" => Tile::TALL,
        "gemm_split" | "implicit_gemm_split" | "transposed_tiled" | "grad_weight_tiled" => Tile::WORKGROUP,
        "gemm_registers" | "implicit_gemm_registers" | "transposed_phase" | "grad_weight_registers" => Tile::REGISTERS,
        "stem" => Tile::STEM,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
