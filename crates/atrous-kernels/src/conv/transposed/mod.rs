//! The variants of a transposed convolution.

mod depthwise;
mod direct;
mod phase;
mod phases;
mod subgroup;
mod tiled;

use std::ops::Range;

use atrous_graph::Op;
use atrous_graph::op::{Conv2d, Conv2dGradInput, Convolution, FusedConv, Padding};

use super::problem::{Conv, ConvProblem};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::within;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::{Entry, Variants};

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Conv> = Variants {
    best_first: &[&depthwise::VARIANT, &tiled::VARIANT, &subgroup::VARIANT, &phase::VARIANT],
    last: &direct::VARIANT,
};

impl Kernels for Conv2dGradInput {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        plan(self, FusedConv::plain(Convolution::Transposed(*self), problem.inputs.len() > 2), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        if section.has_all_rows() {
            return Some(section.first_rows(0..section.height()));
        }
        let (rows, padding) = rows_spread(&section.rows(), section.height(), section.inputs[1].shape.n, self)?;
        let conv = Conv2d { padding, ..self.conv };
        let op = Op::Conv2dGradInput(Self { conv, h: section.rows().len(), w: self.w });
        Some(Cut { op, ..section.first_rows(rows) })
    }

    fn writes_slices(&self) -> bool {
        true
    }

    fn is_worth_measuring(&self) -> bool {
        true
    }
}

/// Plans a transposed convolution with its fused operations.
///
/// # Errors
/// [`PlanError::Limit`] if the part exceeds the adapter's limits, or the filter reaches beyond 32-bit coordinates.
pub(super) fn plan(op: &Conv2dGradInput, fused: FusedConv, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let p = ConvProblem::new(op.conv, fused, problem);
    check_reach(&p)?;
    Ok(NodePlan { in_place: p.in_place(), ..VARIANTS.plan(&p, p.target())? })
}

/// Checks that the filter's reach fits 32-bit coordinates. Unlike a convolution's filter, this one may extend beyond
/// all images.
///
/// # Errors
/// [`PlanError::Limit`] if it does not fit.
fn check_reach(p: &ConvProblem<'_>) -> Result<(), PlanError> {
    let reach = |axis: usize| p.kernel[axis] as u64 * p.conv.dilation[axis] as u64;
    (0..2).try_for_each(|axis| within("pixels under the filter", reach(axis), 1 << 31))
}

/// The rows of `y` that contribute to a range of result rows, and the padding for this part.
fn rows_spread(
    out: &Range<usize>,
    height: usize,
    kernel: usize,
    g: &Conv2dGradInput,
) -> Option<(Range<usize>, Padding)> {
    let (stride, top) = (g.conv.stride[0], g.conv.padding.top);
    let reach = (kernel - 1) * g.conv.dilation[0];
    let first = ((out.start + top).saturating_sub(reach) / stride).min(height - 1);
    let last = ((out.end - 1 + top) / stride + 1).min(height).max(first + 1);
    let padding = Padding { top: (top + out.start).checked_sub(first * stride)?, ..g.conv.padding };
    Some((first..last, padding))
}
