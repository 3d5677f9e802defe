//! Padding of images, and its gradient.

use std::ops::Range;

use atrous_graph::DType;
use atrous_graph::op::{Pad, PadGrad, PadMode};
use atrous_shaders::codes;
use atrous_shaders::movement::pad;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::resize::adjoint::{self, Forward};
use crate::resize::tables;
use crate::resize::taps::Taps;
use crate::variant::Entry;

impl Kernels for Pad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (&problem.inputs[0], problem.output.ty);
        let (mode, value) = match self.mode {
            PadMode::Constant(value) => (codes::PadMode::Constant, value),
            PadMode::Reflect => (codes::PadMode::Reflect, 0.0),
            PadMode::Replicate => (codes::PadMode::Replicate, 0.0),
        };
        let call = pad::call(
            pad::Axes { half: is_half(y) },
            pad::Constants {
                n: y.shape.n,
                h: x.ty.shape.h,
                w: x.ty.shape.w,
                c4: x.ty.padded().c / 4,
                c: y.shape.c,
                oh: y.shape.h,
                ow: y.shape.w,
                pad_top: self.padding.top,
                pad_left: self.padding.left,
                full_h: x.full.shape.h,
                row: x.first_row,
                out_row: problem.output.first_row,
                mode,
                value: bits(value, y.dtype) as usize,
            },
            pad::Bindings { x: Bound::part(Slot::Input(0), x), y: Bound::part(Slot::Output, &problem.output) },
        );
        Ok(NodePlan::single("pad", Kernel::from(call).invocations(vec4s(y), problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| input_rows(self, section.height(), rows)))
    }
}

impl Kernels for PadGrad {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        adjoint::plan(&forward(self), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| forward(self)[0].results(rows)))
    }
}

/// The bits of a number in an element type.
fn bits(value: f32, dtype: DType) -> u32 {
    if dtype == DType::F16 { u32::from(half::f16::from_f32(value).to_bits()) } else { value.to_bits() }
}

/// The rows of an image of `in_h` rows that some rows of the padded image are copied from; at least one.
fn input_rows(op: &Pad, in_h: usize, rows: Range<usize>) -> Range<usize> {
    let last = in_h as isize - 1;
    let source = |row: usize| {
        let i = row as isize - op.padding.top as isize;
        let mapped = if op.mode == PadMode::Reflect { last - (last - i.abs()).abs() } else { i };
        mapped.clamp(0, last) as usize
    };
    let first = rows.clone().map(source).min().unwrap_or(0);
    let end = rows.map(source).max().unwrap_or(0) + 1;
    first..end
}

/// The padding along each axis, whose adjoint the gradient is.
fn forward(op: &PadGrad) -> [Forward; 2] {
    let Pad { padding: p, mode } = op.pad;
    [(op.h, p.top, p.bottom), (op.w, p.left, p.right)].map(|(n, before, after)| {
        let last = n as isize - 1;
        Forward::new(n, before + n + after, |i| {
            let at = i as isize - before as isize;
            let source = match mode {
                PadMode::Constant(_) => at,
                PadMode::Reflect => last - (last - at.abs()).abs(),
                PadMode::Replicate => at.clamp(0, last),
            };
            let copied = (0..=last).contains(&source);
            if copied { Taps::equal(source as usize..source as usize + 1, 1.0) } else { Taps::default() }
        })
    })
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;
    use crate::resize::taps::transposed;

    #[test]
    fn rows_that_padding_repeats() {
        let pad = |mode| Pad { padding: Padding::symmetric(3, 0), mode };
        // Rows -3..1 of ten are mirrored to 3, 2, 1, 0.
        assert_eq!(input_rows(&pad(PadMode::Reflect), 10, 0..4), 0..4);
        assert_eq!(input_rows(&pad(PadMode::Reflect), 10, 13..16), 6..9);
        assert_eq!(input_rows(&pad(PadMode::Replicate), 10, 0..4), 0..1);
        assert_eq!(input_rows(&pad(PadMode::Constant(1.0)), 10, 0..3), 0..1);
        assert_eq!(input_rows(&pad(PadMode::Constant(1.0)), 10, 5..9), 2..6);
    }

    #[test]
    fn reflected_pixels_gather_from_both_sides() {
        let pad = Pad { padding: Padding::symmetric(2, 0), mode: PadMode::Reflect };
        let [rows, _] = forward(&PadGrad { pad, h: 4, w: 1 });
        // Rows 2 1 | 0 1 2 3 | 2 1.
        assert_eq!(transposed(&rows.taps, 4)[1], Taps(vec![(1, 1.0), (3, 1.0), (7, 1.0)]));
        assert_eq!(rows.results(0..1), 2..3);
        assert_eq!(rows.results(2..4), 0..7);
    }
}
