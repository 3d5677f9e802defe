//! Reductions over all pixels: windows that fit a binding, and the slabs that the first stage cuts each of them into.

use atrous_graph::Shape;

use super::cut::{room, slabs, window};
use super::{choose_stages, partials};
use crate::kernel::{Kernel, vec4_bytes};
use crate::{Binding, Declined, Dispatch, NodePlan, PlanError, Problem, Slot};

/// How all pixels of the first input are reduced.
pub(crate) struct Pixels {
    /// Pixels of a window; the last one may have fewer.
    pub(crate) window: usize,
    /// Slabs of a window.
    pub(crate) slabs: usize,
    /// Number of pixels.
    pub(crate) count: usize,
    /// The stages that serve.
    pub(crate) variant: &'static str,
    declined: Vec<Declined>,
    /// Vec4s of channels.
    c4: usize,
    /// Vec4s of a slab's partial result.
    row: usize,
}

impl Pixels {
    /// For partial results of `rows` vectors over the channels in each slab.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if a single pixel is too large.
    pub(crate) fn of(problem: &Problem<'_>, rows: usize) -> Result<Self, PlanError> {
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
        let (variant, declined) = choose_stages(slabs, windows, target);
        let slabs = if variant == "single_stage" { 1 } else { slabs };
        Ok(Self { window, slabs, count, variant, declined, c4, row })
    }

    /// Whether there is but one stage.
    pub(crate) fn single(&self) -> bool {
        self.variant == "single_stage"
    }

    /// Slabs of all windows.
    pub(crate) fn all_slabs(&self) -> usize {
        self.slabs * self.count.div_ceil(self.window)
    }

    /// The partial results of all slabs.
    pub(crate) fn partials(&self) -> Binding {
        partials(self.all_slabs(), self.row)
    }

    /// The first stage, and all that `second` adds to it. `first` makes the kernel of a window, whose bindings up to the last one,
    /// the partial results, it binds; it is told where the window begins in the inputs it reads.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn plan(
        self,
        problem: &Problem<'_>,
        first: impl Fn(Binding, usize) -> Kernel,
        second: impl FnOnce(&Self) -> Result<Dispatch, PlanError>,
    ) -> Result<NodePlan, PlanError> {
        let x = &problem.inputs[0];
        let (limits, pixel) = (&problem.target.limits, self.c4 as u64 * vec4_bytes(x.ty));
        let mut dispatches = Vec::new();
        for (i, start) in (0..self.count).step_by(self.window).enumerate() {
            let count = self.window.min(self.count - start);
            let (binding, base) = window(x, start as u64 * pixel, count as u64 * pixel, limits);
            let kernel = first(binding, base).sizes([("SLABS", self.slabs), ("PIXELS", count), ("C4", self.c4)]);
            let kernel = if self.single() {
                kernel.bind("P_BASE", Slot::Output, &problem.output)
            } else {
                kernel.sizes([("FIRST", i * self.slabs), ("P_BASE", 0)]).window(self.partials())
            };
            dispatches.push(kernel.invocations(self.slabs * self.c4, problem.target)?);
        }
        let mut scratch = Vec::new();
        if !self.single() {
            dispatches.push(second(&self)?);
            scratch.push(self.partials().size);
        }
        Ok(NodePlan { variant: self.variant, declined: self.declined, dispatches, scratch, ..NodePlan::default() })
    }
}
