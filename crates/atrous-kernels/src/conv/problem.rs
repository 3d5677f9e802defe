//! The sizes of a convolution, as its kernels take them.

use atrous_graph::op::{Conv2d, FusedConv};
use atrous_graph::{DType, Shape};

use crate::dispatch::{Dispatch, NodePlan, Strips};
use crate::problem::Problem;
use crate::target::Target;
use crate::tile::Tile;
use crate::variant::Family;

/// Most strips on a GPU. While strips are joined, most of the GPU is idle.
const MOST_STRIPS: u64 = 4096;

/// The family of convolutions and transposed convolutions.
pub(crate) enum Conv {}

impl Family for Conv {
    type Problem<'a> = ConvProblem<'a>;
}

/// Slabs that sums are cut into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slabs {
    pub(super) count: usize,
    /// Steps of one slab.
    pub(super) steps: usize,
}

/// A convolution or transposed convolution of one part, with its fused operations.
#[derive(Clone, Copy)]
pub(crate) struct ConvProblem<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) conv: Conv2d,
    pub(super) fused: FusedConv,
    /// Rows and columns of the filter.
    pub(super) kernel: [usize; 2],
    /// Input channels of one group.
    pub(super) cin_g: usize,
    /// Output channels of one group.
    pub(super) cout_g: usize,
    /// The slabs that sums are cut into, if they are cut.
    pub(super) cut: Option<Slabs>,
    /// The strips whose statistics are stored, if they are.
    pub(super) strips: Option<Strips>,
}

impl<'a> ConvProblem<'a> {
    pub(super) fn new(conv: Conv2d, fused: FusedConv, problem: &'a Problem<'a>) -> Self {
        let (x, filter, y) = (problem.inputs[0].ty.shape, problem.inputs[1].ty.shape, problem.output.ty.shape);
        let (cin_g, cout_g) = (x.c / conv.groups, y.c / conv.groups);
        Self { problem, conv, fused, kernel: [filter.n, filter.h], cin_g, cout_g, cut: None, strips: None }
    }

    /// This problem with the statistics of its result stored in strips of `len` of each `row` pixels, if they are asked
    /// for, possible and worth it.
    pub(super) fn measuring(&self, row: usize, len: usize) -> Self {
        let (strips, output) = (Strips { row, len, scratch: 0 }, &self.problem.output);
        let bytes = strips.bytes(self.pixels(), self.o4());
        // Writing and reading statistics moves at most two thirds of the result's bytes, as with 16 pixels a strip in
        // f32, 32 in f16.
        let few = self.target().software || strips.count(self.pixels()) <= MOST_STRIPS;
        let pays = 3 * bytes <= output.ty.bytes() && few;
        let legal = output.measured && !self.fused.residual && bytes <= self.target().limits.max_binding;
        Self { strips: Some(strips).filter(|_| legal && pays), ..*self }
    }

    /// A plan of one dispatch, with scratch memory for statistics if the problem has them stored.
    pub(super) fn single(&self, tile: Tile, dispatch: Dispatch) -> NodePlan {
        let scratch = self.strips.iter().map(|strips| strips.bytes(self.pixels(), self.o4())).collect();
        NodePlan { tile: Some(tile), scratch, strips: self.strips, ..dispatch.into() }
    }

    pub(super) fn x(&self) -> Shape {
        self.problem.inputs[0].ty.shape
    }

    pub(super) fn y(&self) -> Shape {
        self.problem.output.ty.shape
    }

    pub(super) fn target(&self) -> &Target {
        self.problem.target
    }

    /// Number of pixels of the result in all samples.
    pub(super) fn pixels(&self) -> usize {
        let y = self.y();
        y.n * y.h * y.w
    }

    /// Vec4s of the image's channels.
    pub(super) fn c4(&self) -> usize {
        self.x().c.div_ceil(4)
    }

    /// Vec4s of the result's channels.
    pub(super) fn o4(&self) -> usize {
        self.y().c.div_ceil(4)
    }

    /// Vec4s of one group's input channels.
    pub(super) fn cg4(&self) -> usize {
        self.cin_g.div_ceil(4)
    }

    /// Vec4s of one group's output channels.
    pub(super) fn og4(&self) -> usize {
        self.cout_g.div_ceil(4)
    }

    /// Taps of the filter.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of steps, of 16 terms each, in which kernels with tiles in workgroup memory compute a sum.
    pub(super) fn steps(&self) -> usize {
        (self.taps() * self.cg4()).div_ceil(4)
    }

    /// Whether no vec4 holds channels of two groups.
    pub(super) fn groups_are_whole(&self) -> bool {
        self.conv.groups == 1 || (self.cin_g.is_multiple_of(4) && self.cout_g.is_multiple_of(4))
    }

    /// Whether image, filter, residual and result are stored in f16.
    pub(super) fn half(&self) -> bool {
        self.problem.output.ty.dtype == DType::F16
    }

    /// The index of the residual among the inputs, if there is one.
    pub(super) fn residual_input(&self) -> Option<usize> {
        self.fused.residual.then(|| self.fused.conv_inputs())
    }

    /// The index of the residual, if the result is written over it. It must have the result's type, not one pixel for
    /// each sample.
    pub(super) fn in_place(&self) -> Option<usize> {
        let residual = self.residual_input()?;
        let (output, part) = (&self.problem.output, &self.problem.inputs[residual]);
        (part.dies && part.ty == output.ty && !output.is_slice()).then_some(residual)
    }
}
