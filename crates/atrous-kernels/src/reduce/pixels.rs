//! Reductions over all pixels: windows that fit a binding, and the slabs that the first stage cuts each of them into.

use atrous_graph::Shape;

use super::combine::partials;
use super::regions::{room, slabs, window};
use super::stages::{Reduction, Stages, VARIANTS};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4_bytes};
use crate::problem::Problem;

/// How all pixels of the first input are reduced.
pub(crate) struct Pixels {
    /// Pixels of a window; the last one may have fewer.
    pub(crate) window: usize,
    /// Slabs of a window.
    pub(crate) slabs: usize,
    /// Number of pixels.
    pub(crate) count: usize,
    /// The stages that serve.
    pub(crate) stages: Stages,
    /// Vec4s of channels.
    c4: usize,
    /// Vec4s of a slab's partial result.
    row: usize,
}

/// Makes the first stage's kernel of a window, whose bindings up to the last one, the partial results, it binds. It is told where the
/// window begins in the inputs it reads.
type First<'a> = &'a dyn Fn(&Pixels, Binding, usize) -> Kernel;

/// Makes the second stage.
type Second<'a> = &'a dyn Fn(&Pixels) -> Result<Dispatch, PlanError>;

/// Plans the reduction of all pixels with partial results of `rows` vectors over the channels in each slab: one stage, or two.
///
/// # Errors
/// [`PlanError::Limit`] if a single pixel is too large.
pub(crate) fn plan_pixels(
    problem: &Problem<'_>,
    rows: usize,
    first: First<'_>,
    second: Second<'_>,
) -> Result<NodePlan, PlanError> {
    let (ty, target) = (problem.inputs[0].ty, problem.target);
    let Shape { n, h, w, .. } = ty.shape;
    let (count, c4) = (n * h * w, ty.padded().c / 4);
    let (pixel, limit) = (c4 as u64 * vec4_bytes(ty), target.limits.max_binding);
    let window = (room(ty, &target.limits) / pixel) as usize;
    if window == 0 {
        return Err(PlanError::Limit { what: "bytes in one binding", needs: pixel, limit });
    }
    let (windows, row) = (count.div_ceil(window), rows * c4);
    let room_for_slabs = limit / partials(windows, row).size;
    let slabs = slabs(count.div_ceil(windows), c4, target).min(room_for_slabs.max(1) as usize);
    let plan = |stages| {
        let slabs = if stages == Stages::Single { 1 } else { slabs };
        Pixels { window, slabs, count, stages, c4, row }.plan(problem, first, second)
    };
    VARIANTS.plan(&Reduction { windows, slabs, target, plan: &plan }, target)
}

impl Pixels {
    /// Whether there is but one stage.
    pub(crate) fn single(&self) -> bool {
        self.stages == Stages::Single
    }

    /// Slabs of all windows.
    pub(crate) const fn all_slabs(&self) -> usize {
        self.slabs * self.count.div_ceil(self.window)
    }

    /// The partial results of all slabs.
    pub(crate) fn partials(&self) -> Binding {
        partials(self.all_slabs(), self.row)
    }

    fn plan(&self, problem: &Problem<'_>, first: First<'_>, second: Second<'_>) -> Result<NodePlan, PlanError> {
        let x = &problem.inputs[0];
        let (limits, pixel) = (&problem.target.limits, self.c4 as u64 * vec4_bytes(x.ty));
        let mut dispatches = Vec::new();
        for (i, start) in (0..self.count).step_by(self.window).enumerate() {
            let count = self.window.min(self.count - start);
            let (binding, base) = window(x, start as u64 * pixel, count as u64 * pixel, limits);
            let kernel = first(self, binding, base).sizes([("SLABS", self.slabs), ("PIXELS", count), ("C4", self.c4)]);
            let kernel = if self.single() {
                kernel.bind("P_BASE", Slot::Output, &problem.output)
            } else {
                kernel.sizes([("FIRST", i * self.slabs), ("P_BASE", 0)]).window(self.partials())
            };
            dispatches.push(kernel.invocations(self.slabs * self.c4, problem.target)?);
        }
        let mut scratch = Vec::new();
        if !self.single() {
            dispatches.push(second(self)?);
            scratch.push(self.partials().size);
        }
        Ok(NodePlan { dispatches, scratch, ..NodePlan::default() })
    }
}
