//! How a reduction is cut: regions that fit a binding, slabs that keep an adapter busy, axes as digits of one index.

use atrous_graph::TensorType;

use crate::dispatch::{Binding, Slot};
use crate::error::PlanError;
use crate::kernel::vec4_bytes;
use crate::limits::Limits;
use crate::problem::Part;
use crate::target::Target;

/// Consecutive samples with all their rows, or consecutive rows of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) n: (usize, usize),
    pub(super) h: (usize, usize),
}

/// The regions of a tensor, and how many of them a sample has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Regions {
    pub(super) list: Vec<Region>,
    pub(super) per_sample: usize,
}

/// Cuts a tensor into regions that one binding can show.
///
/// # Errors
/// [`PlanError::Limit`] if a single row exceeds a binding.
pub(super) fn regions(ty: TensorType, limits: &Limits) -> Result<Regions, PlanError> {
    let shape = ty.shape;
    let row = row_bytes(ty);
    let room = room(ty, limits);
    let (samples, rows) = if row * shape.h as u64 <= room {
        ((room / (row * shape.h as u64)) as usize, shape.h)
    } else if row <= room {
        (1, (room / row) as usize)
    } else {
        return Err(PlanError::Limit { what: "bytes in one binding", needs: row, limit: room });
    };
    let cut = |size: usize, step: usize| (0..size).step_by(step).map(move |a| (a, step.min(size - a)));
    let list = cut(shape.n, samples).flat_map(|n| cut(shape.h, rows).map(move |h| Region { n, h })).collect();
    Ok(Regions { list, per_sample: shape.h.div_ceil(rows) })
}

/// Bytes of a row.
pub(super) fn row_bytes(ty: TensorType) -> u64 {
    (ty.shape.w * ty.padded().c) as u64 * ty.dtype.bytes()
}

/// Largest window in bytes. If the tensor exceeds a binding, a window may begin up to one alignment after its binding.
pub(crate) fn room(ty: TensorType, limits: &Limits) -> u64 {
    if ty.bytes() <= limits.max_binding { ty.bytes() } else { limits.max_binding.saturating_sub(limits.alignment) }
}

/// The binding of `bytes` bytes of an input from byte `start` on, and the index of their first vec4 in it.
pub(crate) fn window(x: &Part, start: u64, bytes: u64, limits: &Limits) -> (Binding, usize) {
    let before = start % limits.alignment.max(16);
    let binding = Binding { slot: Slot::Input(0), offset: start - before, size: before + bytes };
    (binding, (before / vec4_bytes(x.ty)) as usize + x.base as usize)
}

/// Number of slabs that `count` values of each of `outputs` outputs are cut into. It is 1 if the outputs alone keep the
/// adapter busy; otherwise each slab has at least 32 values.
pub(crate) fn slabs(count: usize, outputs: usize, target: &Target) -> usize {
    let (busy, most) = if target.software { (1 << 10, 64) } else { (1 << 16, 1024) };
    if count <= 64 {
        return 1;
    }
    (busy / outputs.max(1)).clamp(1, most).min(count / 32)
}

/// One digit of an index: the number of its values, and the distance in vec4s from one to the next.
pub(super) type Digit = (usize, usize);

/// Merges axes, slowest first, into two digits, slowest first. Axes of size 1 are dropped. Axes that follow each other
/// without a gap become one digit.
pub(super) fn digits(axes: &[Digit]) -> [Digit; 2] {
    let mut merged: Vec<Digit> = Vec::new();
    for &(size, step) in axes.iter().filter(|(size, _)| *size != 1) {
        match merged.last_mut() {
            Some(last) if last.1 == size * step => *last = (last.0 * size, step),
            _ => merged.push((size, step)),
        }
    }
    match merged[..] {
        [] => [(1, 0), (1, 0)],
        [one] => [(1, 0), one],
        [slow, fast] => [slow, fast],
        _ => unreachable!("of four axes in two alternating sets at most two stay apart in each: a bug of atrous"),
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::Shape;

    use super::*;

    #[test]
    fn axes_without_gaps_are_one_digit() {
        assert_eq!(digits(&[(2, 60), (5, 12), (3, 4), (1, 1)]), [(1, 0), (30, 4)]);
        assert_eq!(digits(&[(2, 60), (3, 4)]), [(2, 60), (3, 4)]);
        assert_eq!(digits(&[(1, 60), (1, 4)]), [(1, 0), (1, 0)]);
    }

    #[test]
    fn boxes_are_whole_samples_or_rows_of_one() {
        let limits = Limits { max_binding: 4096, alignment: 256, ..Limits::WEBGPU };
        let ty = |n, h| TensorType::image(Shape::new(n, h, 8, 8));
        // Rows of 256 bytes, windows of 3840: fifteen rows.
        let all = regions(ty(5, 7), &limits).expect("regions").list;
        assert_eq!(all.iter().map(|b| b.n).collect::<Vec<_>>(), [(0, 2), (2, 2), (4, 1)]);
        let all = regions(ty(1, 40), &limits).expect("regions").list;
        assert_eq!(all.iter().map(|b| b.h).collect::<Vec<_>>(), [(0, 15), (15, 15), (30, 10)]);
        let wide = TensorType::image(Shape::new(1, 2, 200, 8));
        assert!(matches!(regions(wide, &limits), Err(PlanError::Limit { .. })));
    }

    #[test]
    fn few_values_are_one_slab() {
        let target = Target::new(Limits::WEBGPU, false);
        assert_eq!(slabs(49, 512, &target), 1);
        assert_eq!(slabs(3 * 513 * 513, 1, &target), 1024);
        assert_eq!(slabs(128, 4, &target), 4);
    }
}
