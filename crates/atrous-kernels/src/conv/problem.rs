//! A convolution in the numbers that its kernels take.

use atrous_graph::Shape;
use atrous_graph::op::Conv2d;
use atrous_shaders::find;

use crate::kernel::Kernel;
use crate::{Problem, Slot, Target};

/// A convolution or transposed convolution of one part: `x`, `filter`, optionally `bias`.
pub(super) struct ConvProblem<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) conv: Conv2d,
    /// Rows and columns of the filter.
    pub(super) kernel: [usize; 2],
    /// Input channels of one group.
    pub(super) cin_g: usize,
    /// Output channels of one group.
    pub(super) cout_g: usize,
}

impl<'a> ConvProblem<'a> {
    pub(super) fn new(conv: Conv2d, problem: &'a Problem<'a>) -> Self {
        let (x, filter, y) = (problem.inputs[0].ty.shape, problem.inputs[1].ty.shape, problem.output.ty.shape);
        Self { problem, conv, kernel: [filter.n, filter.h], cin_g: x.c / conv.groups, cout_g: y.c / conv.groups }
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

    /// Whether each group's channels are vec4s of their own.
    pub(super) fn groups_are_whole(&self) -> bool {
        self.conv.groups == 1 || (self.cin_g.is_multiple_of(4) && self.cout_g.is_multiple_of(4))
    }

    /// A kernel with the bias axis set as the problem has it, the given other axes, and every constant of the problem that
    /// it declares.
    pub(super) fn kernel(&self, name: &str, axes: &str) -> Kernel {
        let bias = if self.has_bias() { "bias" } else { "" };
        let comma = if bias.is_empty() || axes.is_empty() { "" } else { "," };
        let variant = format!("{bias}{comma}{axes}");
        self.configured(name, &variant)
    }

    /// A kernel's linked variant with every constant of the problem that it declares.
    pub(super) fn configured(&self, name: &str, variant: &str) -> Kernel {
        let declared = find(name, variant).map_or(&[][..], |shader| shader.overrides);
        let constants = self.constants();
        let constants = constants.iter().filter(|(constant, _)| declared.contains(constant));
        constants.fold(Kernel::new(name, variant), |kernel, &(constant, value)| kernel.set(constant, value as f64))
    }

    /// [`Self::kernel`] with `x`, the filter, `y` and the bias bound in their order.
    pub(super) fn bound(&self, name: &str, axes: &str) -> Kernel {
        let Problem { inputs, output, .. } = self.problem;
        let kernel = self
            .kernel(name, axes)
            .bind("X_BASE", Slot::Input(0), &inputs[0])
            .bind("W_BASE", Slot::Input(1), &inputs[1])
            .bind("Y_BASE", Slot::Output, output);
        self.bind_bias(kernel)
    }

    pub(super) fn bind_bias(&self, kernel: Kernel) -> Kernel {
        match self.problem.inputs.get(2) {
            Some(bias) => kernel.bind("B_BASE", Slot::Input(2), bias),
            None => kernel,
        }
    }

    fn has_bias(&self) -> bool {
        self.problem.inputs.len() == 3
    }

    fn constants(&self) -> [(&'static str, usize); 21] {
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
        ]
    }
}
