//! Reductions over some of samples, rows and columns.

use atrous_graph::op::{Reduce, Reduction};
use atrous_shaders::reduce::slabs::{Axes, Bindings, Constants, call};

use super::combine::{combine, partials};
use super::regions::{Region, Regions, digits, regions, row_bytes, slabs, window};
use super::stages::{self, Stages, VARIANTS};
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::Entry;

impl Kernels for Reduce {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, target) = (problem.inputs[0].ty, problem.target);
        let outputs = vec4s(problem.output.ty);
        let regions = regions(x, &target.limits)?;

        // Regions along reduced axes have slabs of their own, regions along other axes have outputs of their own.
        let along_n = if self.n { regions.list.len() / regions.per_sample } else { 1 };
        let along_h = if self.h { regions.per_sample } else { 1 };
        let windows = along_n * along_h;
        let values = self.count(x.shape).div_ceil(windows);
        let room = (target.limits.max_binding / 16) as usize / (outputs * windows).max(1);
        let slabs = slabs(values, outputs, target).min(room.max(1));

        let reduction = Windows { op: self, problem, regions, along_h, windows };
        let plan = |stages| match stages {
            Stages::Single => reduction.single(),
            Stages::Workgroups | Stages::Invocations => reduction.two(slabs, stages),
        };
        VARIANTS.plan(&stages::Reduction { windows, slabs, target, plan: &plan }, target)
    }

    fn sums(&self) -> bool {
        true
    }
}

/// A reduction of an input that is read through several windows, one for each region of it.
struct Windows<'a> {
    op: &'a Reduce,
    problem: &'a Problem<'a>,
    regions: Regions,
    /// Number of windows along rows, if rows are reduced.
    along_h: usize,
    /// Number of windows along all reduced axes.
    windows: usize,
}

impl Windows<'_> {
    fn is_max(&self) -> bool {
        self.op.reduction == Reduction::Max
    }

    /// The divisor of the sums.
    fn divisor(&self) -> usize {
        if self.op.reduction == Reduction::Mean { self.op.count(self.problem.inputs[0].ty.shape) } else { 1 }
    }

    /// Plans one stage.
    fn single(&self) -> Result<NodePlan, PlanError> {
        let dispatch = |part: &Region| self.dispatch(part, 1, true, Bound::output(self.problem));
        let dispatches = self.regions.list.iter().map(dispatch).collect::<Result<_, _>>()?;
        Ok(NodePlan { dispatches, ..NodePlan::default() })
    }

    /// Plans two stages, with this many slabs of each window.
    fn two(&self, slabs: usize, stages: Stages) -> Result<NodePlan, PlanError> {
        let (outputs, all) = (vec4s(self.problem.output.ty), slabs * self.windows);
        let mut dispatches = Vec::new();
        for (i, part) in self.regions.list.iter().enumerate() {
            let along_n = if self.op.n { i / self.regions.per_sample } else { 0 };
            let along_h = if self.op.h { i % self.regions.per_sample } else { 0 };
            let base = (along_n * self.along_h + along_h) * slabs * outputs;
            dispatches.push(self.dispatch(part, slabs, false, Bound::window(partials(all, outputs), base))?);
        }
        dispatches.push(combine(stages, all, self.is_max(), self.divisor(), self.problem)?);
        Ok(NodePlan { dispatches, scratch: vec![partials(all, outputs).size], ..NodePlan::default() })
    }

    /// The first stage of a region: all slabs of its outputs, written to `p`. If it is the `last` stage too, `p` is the
    /// result.
    fn dispatch(&self, part: &Region, slabs: usize, last: bool, p: Bound) -> Result<Dispatch, PlanError> {
        let (op, problem) = (self.op, self.problem);
        let x = &problem.inputs[0];
        let (shape, c4) = (x.ty.shape, x.ty.padded().c / 4);
        let row = shape.w * c4;
        let sides = [(op.n, part.n.1, shape.h * row), (op.h, part.h.1, row), (op.w, shape.w, c4), (false, c4, 1)];
        let pick =
            |reduced: bool| digits(&sides.iter().filter(|a| a.0 == reduced).map(|a| (a.1, a.2)).collect::<Vec<_>>());
        let ([o1, o0], [r1, r0]) = (pick(false), pick(true));
        let start = (part.n.0 * shape.h + part.h.0) as u64 * row_bytes(x.ty);
        let bytes = ((part.n.1 - 1) * shape.h + part.h.1) as u64 * row_bytes(x.ty);
        let (binding, base) = window(x, start, bytes, &problem.target.limits);
        let divisor = if last { self.divisor() } else { 1 };
        let call = call(
            Axes { half: is_half(x.ty), narrow: last && is_half(problem.output.ty) },
            Constants {
                slabs,
                row: vec4s(problem.output.ty),
                first: self.first(part),
                max: self.is_max(),
                o1: o1.0,
                o1_step: o1.1,
                o0: o0.0,
                o0_step: o0.1,
                r1: r1.0,
                r1_step: r1.1,
                r0: r0.0,
                r0_step: r0.1,
                divisor: divisor as f64,
            },
            Bindings { x: Bound::window(binding, base), p },
        );
        let (n, h) = (if op.n { 1 } else { part.n.1 }, if op.h { 1 } else { part.h.1 });
        Kernel::from(call).invocations(slabs * n * h * self.kept_row(), problem.target)
    }

    /// Vec4s of a row of the result.
    fn kept_row(&self) -> usize {
        let y = self.problem.output.ty;
        y.shape.w * y.padded().c / 4
    }

    /// The first vec4 of the result that a region contributes to.
    fn first(&self, part: &Region) -> usize {
        let kept_rows = if self.op.h { 1 } else { self.problem.inputs[0].ty.shape.h };
        let n = if self.op.n { 0 } else { part.n.0 };
        let h = if self.op.h { 0 } else { part.h.0 };
        (n * kept_rows + h) * self.kept_row()
    }
}
