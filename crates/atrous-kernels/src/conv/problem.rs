//! A convolution in the numbers that its kernels take.

use atrous_graph::op::{Conv2d, FusedConv};
use atrous_graph::{DType, Shape};
use atrous_shaders::codes::Activation;
use atrous_shaders::find;

use crate::dispatch::{Binding, Dispatch, NodePlan, Slot, Strips};
use crate::kernel::{Kernel, is_sized};
use crate::pointwise::unary::activation;
use crate::problem::Problem;
use crate::target::Target;
use crate::tile::Tile;
use crate::variant::Family;

/// Strips at most on a GPU, most of which is idle while they are joined.
const MOST_STRIPS: u64 = 4096;

/// Convolutions, and transposed ones.
pub(crate) enum Conv {}

impl Family for Conv {
    type Problem<'a> = ConvProblem<'a>;
}

/// Slabs that sums are cut into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slabs {
    pub(super) count: usize,
    /// Steps of one.
    pub(super) steps: usize,
}

/// A convolution or transposed convolution of one part, with what surrounds it.
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
    /// What the sums are cut into, if they are.
    pub(super) slabs: Option<Slabs>,
    /// The strips whose statistics are stored, if they are.
    pub(super) strips: Option<Strips>,
}

impl<'a> ConvProblem<'a> {
    pub(super) fn new(conv: Conv2d, fused: FusedConv, problem: &'a Problem<'a>) -> Self {
        let (x, filter, y) = (problem.inputs[0].ty.shape, problem.inputs[1].ty.shape, problem.output.ty.shape);
        let (cin_g, cout_g) = (x.c / conv.groups, y.c / conv.groups);
        Self { problem, conv, fused, kernel: [filter.n, filter.h], cin_g, cout_g, slabs: None, strips: None }
    }

    /// The same, its result measured in strips of `len` of each `row` pixels, where that is wanted and worth it.
    pub(super) fn measuring(&self, row: usize, len: usize) -> Self {
        let (strips, output) = (Strips { row, len, scratch: 0 }, &self.problem.output);
        let bytes = strips.bytes(self.pixels(), self.o4());
        // Written and read they are two thirds of the map at most: those of 16 pixels in f32, of 32 in f16.
        let few = self.target().software || strips.count(self.pixels()) <= MOST_STRIPS;
        let pays = 3 * bytes <= output.ty.bytes() && few;
        let legal = output.measured && !self.fused.residual && bytes <= self.target().limits.max_binding;
        Self { strips: Some(strips).filter(|_| legal && pays), ..*self }
    }

    /// A plan of one dispatch, of a kernel that measures what it stores if the problem says so.
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

    /// Positions of the result in all samples.
    pub(super) fn pixels(&self) -> usize {
        let y = self.y();
        y.n * y.h * y.w
    }

    /// Vec4s of the result's channels.
    pub(super) fn o4(&self) -> usize {
        self.y().c.div_ceil(4)
    }

    /// Vec4s of one group's output channels.
    pub(super) fn og4(&self) -> usize {
        self.cout_g.div_ceil(4)
    }

    /// Taps of the filter.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Steps of 16 terms that the kernels in workgroup memory take a sum in.
    pub(super) fn steps(&self) -> usize {
        (self.taps() * self.cin_g.div_ceil(4)).div_ceil(4)
    }

    /// Sets the sizes of the matrix product that a 1×1 convolution is.
    pub(super) fn matrix(&self, kernel: Kernel) -> Kernel {
        kernel.sizes([("M", self.pixels()), ("K4", self.x().c.div_ceil(4))])
    }

    /// Whether each group's channels are vec4s of their own.
    pub(super) fn groups_are_whole(&self) -> bool {
        self.conv.groups == 1 || (self.cin_g.is_multiple_of(4) && self.cout_g.is_multiple_of(4))
    }

    /// Whether image, filter, residual and result are stored in f16.
    pub(super) fn half(&self) -> bool {
        self.problem.output.ty.dtype == DType::F16
    }

    /// A kernel with bias, residual and storage set as the problem has them, the given other axes, and every constant of the problem that
    /// it declares.
    pub(super) fn kernel(&self, name: &str, axes: &str) -> Kernel {
        let flags = [
            (self.fused.bias, "bias"),
            (self.fused.residual, "residual"),
            (self.in_place().is_some(), "in_place"),
            (self.strips.is_some(), "moments"),
            (is_sized(name, self.target()), "sized"),
            (self.half(), "half"),
            (!axes.is_empty(), axes),
        ];
        let variant: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, text)| *text).collect();
        self.configured(name, &variant.join(","))
    }

    /// A kernel's linked variant with every constant of the problem that it declares.
    pub(super) fn configured(&self, name: &str, variant: &str) -> Kernel {
        let shader = find(name, variant);
        let declares = |constant: &str| shader.is_some_and(|shader| shader.takes(constant));
        let constants = self.constants();
        let constants = constants.iter().filter(|(constant, _)| declares(constant));
        let kernel =
            constants.fold(Kernel::new(name, variant), |kernel, &(constant, value)| kernel.set(constant, value as f64));
        let functions = [
            (["PROLOGUE", "PROLOGUE_P", "PROLOGUE_Q"], self.fused.prologue),
            (["ACTIVATION", "ACTIVATION_P", "ACTIVATION_Q"], self.fused.activation),
        ];
        functions.into_iter().filter(|(names, _)| declares(names[0])).fold(kernel, |kernel, (names, function)| {
            let (code, p, q) = function.map_or((Activation::Identity, 0.0, 0.0), |f| activation(&f));
            let values = [f64::from(code as u32), f64::from(p), f64::from(q)];
            names.into_iter().zip(values).fold(kernel, |kernel, (name, value)| kernel.set(name, value))
        })
    }

    /// [`Self::kernel`] with `x`, the filter, `y`, the bias and the residual bound in their order.
    pub(super) fn bound(&self, name: &str, axes: &str) -> Kernel {
        let Problem { inputs, output, .. } = self.problem;
        let kernel = self
            .kernel(name, axes)
            .bind("X_BASE", Slot::Input(0), &inputs[0])
            .bind("W_BASE", Slot::Input(1), &inputs[1])
            .bind("Y_BASE", Slot::Output, output);
        self.bind_rest(kernel, 0)
    }

    /// The residual, if the result is written over it: not over one of a pixel for each sample.
    pub(super) fn in_place(&self) -> Option<usize> {
        let residual = self.fused.residual.then(|| self.fused.conv_inputs())?;
        let (output, part) = (&self.problem.output, &self.problem.inputs[residual]);
        (part.dies && part.ty == output.ty && !output.is_slice()).then_some(residual)
    }

    /// Binds the bias, the residual from pixel `first` on unless the result already holds it, and what is measured.
    pub(super) fn bind_rest(&self, mut kernel: Kernel, first: usize) -> Kernel {
        let inputs = self.problem.inputs;
        if self.fused.bias {
            kernel = kernel.bind("B_BASE", Slot::Input(2), &inputs[2]);
        }
        if self.fused.residual && self.in_place().is_none() {
            let slot = self.fused.conv_inputs();
            let (y, residual) = (self.y(), &inputs[slot]);
            let each = y.h * y.w / (residual.ty.shape.h * residual.ty.shape.w).max(1);
            kernel = kernel.sizes([("R_FIRST", first), ("R_PIXELS", each.max(1))]);
            kernel = kernel.bind("R_BASE", Slot::Input(slot), residual);
        }
        if let Some(strips) = self.strips {
            let size = strips.bytes(self.pixels(), self.o4());
            let partials = Binding { slot: Slot::Scratch(strips.scratch), offset: 0, size };
            kernel = kernel.sizes([("P_BASE", 0)]).window(partials);
        }
        kernel
    }

    fn constants(&self) -> [(&'static str, usize); 24] {
        let (x, y, conv) = (self.x(), self.y(), &self.conv);
        [
            ("N", x.n),
            ("H", x.h),
            ("W", x.w),
            ("C", x.c),
            ("C4", x.c.div_ceil(4)),
            ("CG4", self.cin_g.div_ceil(4)),
            ("OH", y.h),
            ("OW", y.w),
            ("O4", self.o4()),
            ("OG4", self.og4()),
            ("KH", self.kernel[0]),
            ("KW", self.kernel[1]),
            ("STRIDE_H", conv.stride[0]),
            ("STRIDE_W", conv.stride[1]),
            ("DILATION_H", conv.dilation[0]),
            ("DILATION_W", conv.dilation[1]),
            ("PAD_TOP", conv.padding.top),
            ("PAD_LEFT", conv.padding.left),
            ("GROUPS", conv.groups),
            ("CIN_G", self.cin_g),
            ("COUT_G", self.cout_g),
            ("OUT", y.c),
            ("SLABS", self.slabs.map_or(1, |slabs| slabs.count)),
            ("PER_SLAB", self.slabs.map_or(self.steps(), |slabs| slabs.steps)),
        ]
    }
}
