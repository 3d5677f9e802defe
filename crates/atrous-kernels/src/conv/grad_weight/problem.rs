//! The sizes of a filter's gradient, as its kernels take them.

use atrous_graph::op::{Conv2d, Conv2dGradWeight, Padding};
use atrous_graph::{DType, Shape};
use atrous_shaders::groups::Geometry;

use super::region::{Region, regions};
use crate::error::PlanError;
use crate::kernel::within;
use crate::problem::Problem;
use crate::target::Target;
use crate::variant::{Admission, Family, require};

/// The family of gradients of filters.
pub(crate) enum GradWeight {}

impl Family for GradWeight {
    type Problem<'a> = Gradient<'a>;
}

/// The computation of a filter's gradient.
pub(crate) struct Gradient<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) conv: Conv2d,
    /// Rows and columns of the filter.
    pub(super) kernel: [usize; 2],
    /// Input channels of one group.
    pub(super) cin_g: usize,
    /// Output channels of one group.
    pub(super) cout_g: usize,
    /// The regions of the inputs, each of which is read through one window.
    pub(super) regions: Vec<Region>,
}

impl<'a> Gradient<'a> {
    /// # Errors
    /// [`PlanError::Limit`] if the filter, or the image under one row of the gradient, exceeds a binding.
    pub(super) fn new(op: &Conv2dGradWeight, problem: &'a Problem<'a>) -> Result<Self, PlanError> {
        let Conv2dGradWeight { conv, kernel } = *op;
        let [cin, cout] = [0, 1].map(|i| problem.inputs[i].ty.shape.c);
        let limits = &problem.target.limits;
        within("bytes in one binding", problem.output.ty.bytes(), limits.max_binding)?;
        let regions = regions(op, [problem.inputs[0].ty, problem.inputs[1].ty], limits)?;
        Ok(Self { problem, conv, kernel, cin_g: cin / conv.groups, cout_g: cout / conv.groups, regions })
    }

    /// The shape of the image (input 0), or of the gradient of the convolution's result (input 1).
    pub(super) fn shape(&self, input: usize) -> Shape {
        self.problem.inputs[input].ty.shape
    }

    pub(super) fn target(&self) -> &Target {
        self.problem.target
    }

    /// Vec4s of one group's input channels.
    pub(super) fn cg4(&self) -> usize {
        self.cin_g.div_ceil(4)
    }

    /// Vec4s of one group's output channels.
    pub(super) fn og4(&self) -> usize {
        self.cout_g.div_ceil(4)
    }

    /// Vec4s of all output channels.
    pub(super) fn o4(&self) -> usize {
        self.shape(1).c.div_ceil(4)
    }

    /// Taps of the filter.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether image and gradient are stored in f16.
    pub(super) fn half(&self) -> bool {
        self.problem.inputs[0].ty.dtype == DType::F16
    }

    /// Whether the convolution is 1×1 without stride and padding, so that all pixels can count as one row.
    fn pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.conv.stride == [1, 1] && self.conv.padding == Padding::NONE
    }

    /// The sizes of a region's image and gradient. The pixels of a 1×1 convolution are one row.
    pub(super) fn rows(&self, region: &Region) -> Rows {
        let (x, dy) = (self.shape(0), self.shape(1));
        let n = region.n.len();
        let (h, oh) = (region.x_rows.len(), region.rows.len());
        if self.pointwise() {
            let pixels = n * h * x.w;
            return Rows { n: 1, h: 1, w: pixels, oh: 1, ow: pixels };
        }
        Rows { n, h, w: x.w, oh, ow: dy.w }
    }

    /// Sizes of a region's image and gradient, and of the filter.
    pub(super) fn geometry(&self, region: &Region) -> Geometry {
        let (rows, conv, c) = (self.rows(region), &self.conv, self.shape(0).c);
        Geometry {
            n: rows.n,
            h: rows.h,
            w: rows.w,
            c,
            c4: c.div_ceil(4),
            cg4: self.cg4(),
            oh: rows.oh,
            ow: rows.ow,
            o4: self.o4(),
            og4: self.og4(),
            kh: self.kernel[0],
            kw: self.kernel[1],
            stride_h: conv.stride[0],
            stride_w: conv.stride[1],
            dilation_h: conv.dilation[0],
            dilation_w: conv.dilation[1],
            pad_top: region.top,
            pad_left: conv.padding.left,
            groups: conv.groups,
            cin_g: self.cin_g,
            cout_g: self.cout_g,
        }
    }
}

/// Each group can be a layer of the grid, and no vec4 holds channels of two groups.
pub(super) fn layered(p: &Gradient<'_>) -> Admission {
    let groups = p.conv.groups;
    let whole = groups == 1 || (p.cin_g.is_multiple_of(4) && p.cout_g.is_multiple_of(4));
    let most = p.target().limits.max_workgroups as usize;
    require(whole, "a group is not a multiple of 4 channels")
        .and(require(groups <= most, "more groups than layers of a grid"))
}

/// Number of terms after which a kernel adds its sum to a total, so that rounding does not grow with the image.
pub(super) const BLOCK: usize = 256;

/// Sizes of an image, and of the gradient of its convolution's result.
pub(super) struct Rows {
    pub(super) n: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) oh: usize,
    pub(super) ow: usize,
}

impl Rows {
    /// Pixels of the gradient.
    pub(super) fn pixels(&self) -> usize {
        self.n * self.oh * self.ow
    }

    /// Number of pieces that a row of the gradient is cut into.
    pub(super) fn segments(&self) -> usize {
        self.ow.div_ceil(BLOCK)
    }

    /// Columns of a piece.
    pub(super) fn segment(&self) -> usize {
        self.ow.div_ceil(self.segments())
    }
}
