//! im2col, the textbook form: the column matrix is stored in pieces of rows, each of which is gathered and multiplied
//! before the next.

use atrous_shaders::conv::im2col;

use crate::conv::conditions::{bare, dense};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{self, Rows, Work};
use crate::conv::tile::TILE_BYTES;
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4_bytes};
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry::new("im2col"),
    legal: |p| {
        let fits = column_row(p) <= p.target().limits.max_binding;
        dense(p).and(require(fits, "one row of columns passes the binding limit")).and(bare(p))
    },
    preferred: |_| Err("the columns need not be stored"),
    plan,
};

/// Largest piece of the column matrix in bytes, unless a single row is larger.
const COLUMN_BYTES: u64 = 32 << 20;

/// Vec4s of one row of the column matrix.
fn k4(p: &ConvProblem<'_>) -> usize {
    p.taps() * p.c4()
}

/// Bytes of one row of the column matrix.
fn column_row(p: &ConvProblem<'_>) -> u64 {
    k4(p) as u64 * vec4_bytes(p.problem.inputs[0].ty)
}

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let most = COLUMN_BYTES.min(p.target().limits.max_binding) / column_row(p);
    let rows = (most as usize).clamp(1, p.pixels());
    let columns = Binding { slot: Slot::Scratch(0), offset: 0, size: rows as u64 * column_row(p) };
    let mut plan = NodePlan { scratch: vec![columns.size], ..NodePlan::default() };
    for first in (0..p.pixels()).step_by(rows) {
        let m = rows.min(p.pixels() - first);
        plan.dispatches.push(gather(p, first, m, columns)?);
        plan.dispatches.push(multiply(p, first, m, columns)?);
    }
    Ok(plan)
}

/// Writes `m` rows of the column matrix, from pixel `first` on.
fn gather(p: &ConvProblem<'_>, first: usize, m: usize, columns: Binding) -> Result<Dispatch, PlanError> {
    let call = im2col::call(
        im2col::Axes { half: p.half() },
        im2col::Constants { geometry: p.geometry(), first, m },
        im2col::Bindings { x: p.image(), columns: Bound::window(columns, 0) },
    );
    Kernel::from(call).invocations(m * k4(p), p.target())
}

/// Multiplies these rows by the filter.
fn multiply(p: &ConvProblem<'_>, first: usize, m: usize, columns: Binding) -> Result<Dispatch, PlanError> {
    let rows = Rows { x: Bound::window(columns, 0), y: p.result().at_pixel(first), m, k4: k4(p), first };
    let tiled = !p.target().software && p.target().limits.workgroup_memory >= TILE_BYTES;
    let (kernel, work) = if tiled {
        let work = Work::in_workgroup(m, p.o4(), 1, p.target());
        (product::tiled(p, work.tile, rows), work)
    } else {
        let work = Work::in_registers(m, p.o4(), 1, p.target());
        (product::in_registers(p, work.tile, rows), work)
    };
    kernel.groups(work.groups, p.target())
}
