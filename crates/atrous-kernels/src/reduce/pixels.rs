//! Reductions over all pixels: windows that fit a binding, and the slabs that the first stage cuts each of them into.

use atrous_graph::Shape;
use atrous_shaders::{Call, groups};

use super::combine::partials;
use super::regions::{room, slabs, window};
use super::stages::{Reduction, Stages, VARIANTS};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4_bytes};
use crate::problem::Problem;

/// How all pixels of the first input are reduced.
pub(crate) struct Pixels {
    /// Pixels of a window; the last one may have fewer.
    pub(crate) window: usize,
    /// Slabs of a window.
    pub(crate) slabs: usize,
    /// Number of pixels.
    pub(crate) count: usize,
    /// The stages of the chosen variant.
    pub(crate) stages: Stages,
    /// Number of vec4s of the channels.
    pub(crate) c4: usize,
    /// Vec4s of a slab's partial result.
    row: usize,
}

/// A window of the pixels, as the first stage reads it.
pub(crate) struct Window {
    /// How its pixels are cut into slabs.
    pub(crate) sizes: groups::Pixels,
    /// Where the first stage stores partial results, or the result if it is the only stage.
    pub(crate) result: Bound,
    /// The binding of the first input, and the index of the window's first vec4 in it.
    binding: Binding,
    base: usize,
}

impl Window {
    /// This window of input `i`, which must have the size and type of the first input.
    pub(crate) const fn input(&self, i: usize) -> Bound {
        Bound::window(Binding { slot: Slot::Input(i), ..self.binding }, self.base)
    }
}

/// Makes the first stage of a window.
type First<'a> = &'a dyn Fn(&Pixels, &Window) -> Call<Bound>;

/// Makes the second stage.
type Second<'a> = &'a dyn Fn(&Pixels) -> Result<Dispatch, PlanError>;

/// Plans the reduction of all pixels, in one stage or two. The partial result of a slab is `rows` vectors over the
/// channels.
///
/// # Errors
/// [`PlanError::Limit`] if a single pixel exceeds a binding.
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
    /// Whether there is only one stage.
    pub(crate) fn single(&self) -> bool {
        self.stages == Stages::Single
    }

    /// Number of slabs of all windows.
    pub(crate) const fn all_slabs(&self) -> usize {
        self.slabs * self.count.div_ceil(self.window)
    }

    /// The binding of the partial results of all slabs.
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
            let sizes = groups::Pixels { pixels: count, c4: self.c4, slabs: self.slabs, first: i * self.slabs };
            let result = if self.single() { Bound::output(problem) } else { Bound::window(self.partials(), 0) };
            let call = first(self, &Window { sizes, result, binding, base });
            dispatches.push(Kernel::from(call).invocations(self.slabs * self.c4, problem.target)?);
        }
        let mut scratch = Vec::new();
        if !self.single() {
            dispatches.push(second(self)?);
            scratch.push(self.partials().size);
        }
        Ok(NodePlan { dispatches, scratch, ..NodePlan::default() })
    }
}
