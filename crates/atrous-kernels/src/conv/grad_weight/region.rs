//! Regions of image and gradient that one binding can show.

use std::ops::Range;

use atrous_graph::TensorType;
use atrous_graph::op::Conv2dGradWeight;

use crate::dispatch::{Binding, Slot};
use crate::error::PlanError;
use crate::kernel::vec4_bytes;
use crate::limits::Limits;
use crate::problem::Part;

/// Consecutive samples of the gradient, or consecutive rows of one sample, and the rows of the image that they are
/// computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) n: Range<usize>,
    /// Rows of the gradient.
    pub(super) rows: Range<usize>,
    /// Rows of the image.
    pub(super) x_rows: Range<usize>,
    /// Rows of padding above `x_rows`.
    pub(super) top: usize,
}

/// Cuts the image and the gradient into regions, each of which one binding can show. Regions whose taps all lie below
/// the image are left out.
///
/// # Errors
/// [`PlanError::Limit`] if a row of the gradient, or the image's rows under it, exceed a binding.
pub(super) fn regions(
    op: &Conv2dGradWeight,
    [x, dy]: [TensorType; 2],
    limits: &Limits,
) -> Result<Vec<Region>, PlanError> {
    let all = |n: Range<usize>| Region { n, rows: 0..dy.shape.h, x_rows: 0..x.shape.h, top: op.conv.padding.top };
    let samples = (1..=dy.shape.n).rev().find(|&n| {
        let fits = |ty: TensorType| n as u64 * ty.shape.h as u64 * row_bytes(ty) <= room(ty, limits);
        fits(x) && fits(dy)
    });
    if let Some(step) = samples {
        return Ok((0..dy.shape.n).step_by(step).map(|n| all(n..(n + step).min(dy.shape.n))).collect());
    }
    let mut step = dy.shape.h;
    let rows = loop {
        let cut = (0..dy.shape.h).step_by(step).map(|row| row..(row + step).min(dy.shape.h));
        let rows: Vec<Region> = cut.filter_map(|rows| under(op, x.shape.h, rows)).collect();
        let needs = |ty: TensorType, rows: usize| (rows as u64 * row_bytes(ty)).checked_sub(room(ty, limits) + 1);
        let passes = |r: &Region| needs(x, r.x_rows.len()).is_some() || needs(dy, r.rows.len()).is_some();
        if !rows.iter().any(passes) {
            break rows;
        }
        if step == 1 {
            let largest = rows.iter().map(|r| (r.x_rows.len() as u64 * row_bytes(x)).max(row_bytes(dy))).max();
            let needs = largest.unwrap_or(0);
            return Err(PlanError::Limit { what: "bytes in one binding", needs, limit: limits.max_binding });
        }
        step = step.div_ceil(2);
    };
    let sample = |n: usize| rows.iter().map(move |region| Region { n: n..n + 1, ..region.clone() });
    Ok((0..dy.shape.n).flat_map(sample).collect())
}

/// The region of some rows of the gradient of the first sample. `None` if their taps begin below the image.
fn under(op: &Conv2dGradWeight, height: usize, rows: Range<usize>) -> Option<Region> {
    let (stride, top) = (op.conv.stride[0], op.conv.padding.top);
    let reach = (op.kernel[0] - 1) * op.conv.dilation[0] + 1;
    let begin = rows.start * stride;
    let first = begin.saturating_sub(top);
    let last = ((rows.end - 1) * stride + reach).saturating_sub(top).min(height);
    let x_rows = first..last.max(first + 1);
    (first < height).then(|| Region { n: 0..1, rows, x_rows, top: top + first - begin })
}

/// The binding of some rows of some samples (all rows of several, or rows of one), and the index of their first vec4 in
/// it.
pub(super) fn window(
    slot: Slot,
    part: &Part,
    n: &Range<usize>,
    rows: &Range<usize>,
    limits: &Limits,
) -> (Binding, usize) {
    let row = row_bytes(part.ty);
    let start = (n.start * part.ty.shape.h + rows.start) as u64 * row;
    let before = start % limits.alignment.max(16);
    let size = before + (n.len() * rows.len()) as u64 * row;
    (Binding { slot, offset: start - before, size }, (before / vec4_bytes(part.ty)) as usize + part.base as usize)
}

fn row_bytes(ty: TensorType) -> u64 {
    (ty.shape.w * ty.padded().c) as u64 * ty.dtype.bytes()
}

/// Largest window in bytes. If the tensor exceeds a binding, a window may begin up to one alignment after its binding.
fn room(ty: TensorType, limits: &Limits) -> u64 {
    if ty.bytes() <= limits.max_binding { ty.bytes() } else { limits.max_binding.saturating_sub(limits.alignment) }
}
