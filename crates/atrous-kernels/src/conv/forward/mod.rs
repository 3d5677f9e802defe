//! The variants of a convolution.
//!
//! Variants with tiles in workgroup memory come before those with tiles in registers, except on software adapters,
//! where a barrier costs more than it saves. There those whose subgroups share what they load come first.

mod cooperative;
mod depthwise;
mod depthwise_multiplier;
mod direct;
mod gemm_registers;
mod gemm_split;
mod gemm_subgroup;
mod gemm_tiled;
mod im2col;
mod implicit_gemm_registers;
mod implicit_gemm_split;
mod implicit_gemm_subgroup;
mod implicit_gemm_tiled;
mod stem;

use atrous_graph::Op;
use atrous_graph::op::{Conv2d, Convolution, FusedConv};

use super::problem::{Conv, ConvProblem};
use crate::cut::{Cut, Section, rows_under};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::{Entry, Variants};

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Conv> = Variants {
    best_first: &[
        &depthwise::VARIANT,
        &depthwise_multiplier::VARIANT,
        &stem::VARIANT,
        &cooperative::VARIANT,
        &gemm_split::VARIANT,
        &gemm_tiled::VARIANT,
        &gemm_subgroup::VARIANT,
        &gemm_registers::VARIANT,
        &implicit_gemm_split::VARIANT,
        &implicit_gemm_tiled::VARIANT,
        &implicit_gemm_subgroup::VARIANT,
        &implicit_gemm_registers::VARIANT,
        &im2col::VARIANT,
    ],
    last: &direct::VARIANT,
};

impl Kernels for Conv2d {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        plan(self, FusedConv::plain(Convolution::Forward(*self), problem.inputs.len() > 2), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        if section.has_all_rows() {
            return Some(section.first_rows(0..section.height()));
        }
        let reach = (section.inputs[1].shape.n - 1) * self.dilation[0] + 1;
        let (rows, padding) = rows_under(&section.rows(), section.height(), self.stride[0], reach, self.padding)?;
        Some(Cut { op: Op::Conv2d(Self { padding, ..*self }), ..section.first_rows(rows) })
    }

    fn writes_slices(&self) -> bool {
        true
    }

    fn is_worth_measuring(&self) -> bool {
        true
    }
}

/// Plans a convolution with its fused operations.
///
/// # Errors
/// [`PlanError::Limit`] if the part exceeds the adapter's limits.
pub(super) fn plan(conv: &Conv2d, fused: FusedConv, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let p = ConvProblem::new(*conv, fused, problem);
    Ok(NodePlan { in_place: p.in_place(), ..VARIANTS.plan(&p, p.target())? })
}
