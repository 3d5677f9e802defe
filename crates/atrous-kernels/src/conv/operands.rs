//! The constants and bindings that kernels of convolutions and transposed convolutions have in common.

use atrous_graph::op::Unary;
use atrous_shaders::codes::Activation;
use atrous_shaders::groups::{Epilogue, Geometry, Prologue, Slabs};

use super::problem::ConvProblem;
use crate::dispatch::{Binding, Slot};
use crate::kernel::Bound;
use crate::pointwise::unary::activation;

impl ConvProblem<'_> {
    /// Sizes of image, filter and result.
    pub(super) fn geometry(&self) -> Geometry {
        let (x, y, conv) = (self.x(), self.y(), &self.conv);
        Geometry {
            n: x.n,
            h: x.h,
            w: x.w,
            c: x.c,
            c4: self.c4(),
            cg4: self.cg4(),
            oh: y.h,
            ow: y.w,
            o4: self.o4(),
            og4: self.og4(),
            kh: self.kernel[0],
            kw: self.kernel[1],
            stride_h: conv.stride[0],
            stride_w: conv.stride[1],
            dilation_h: conv.dilation[0],
            dilation_w: conv.dilation[1],
            pad_top: conv.padding.top,
            pad_left: conv.padding.left,
            groups: conv.groups,
            cin_g: self.cin_g,
            cout_g: self.cout_g,
        }
    }

    /// How sums are finished and stored. The first sum is that of pixel `first`.
    pub(super) fn epilogue(&self, first: usize) -> Epilogue {
        let (activation, activation_p, activation_q) = code(self.fused.activation);
        let each = self.residual_input().map_or(1, |input| {
            let residual = self.problem.inputs[input].ty.shape;
            self.y().h * self.y().w / (residual.h * residual.w).max(1)
        });
        let out = self.y().c;
        Epilogue { out, activation, activation_p, activation_q, r_first: first, r_pixels: each.max(1) }
    }

    /// The function that is applied to the image.
    pub(super) fn prologue(&self) -> Prologue {
        let (prologue, prologue_p, prologue_q) = code(self.fused.prologue);
        Prologue { prologue, prologue_p, prologue_q }
    }

    /// The slabs that sums are cut into; a single one if they are not cut.
    pub(super) fn slabs(&self) -> Slabs {
        let steps = self.steps();
        self.cut.map_or(Slabs { slabs: 1, per_slab: steps }, |cut| Slabs { slabs: cut.count, per_slab: cut.steps })
    }

    pub(super) fn image(&self) -> Bound {
        Bound::input(self.problem, 0)
    }

    pub(super) fn filter(&self) -> Bound {
        Bound::input(self.problem, 1)
    }

    pub(super) fn result(&self) -> Bound {
        Bound::output(self.problem)
    }

    pub(super) fn bias(&self) -> Option<Bound> {
        self.fused.bias.then(|| Bound::input(self.problem, 2))
    }

    /// The residual, unless the result is written over it.
    pub(super) fn residual(&self) -> Option<Bound> {
        let input = self.residual_input().filter(|_| self.in_place().is_none());
        input.map(|input| Bound::input(self.problem, input))
    }

    /// Scratch memory for the statistics of strips, if they are stored.
    pub(super) fn moments(&self) -> Option<Bound> {
        self.strips.map(|strips| {
            let size = strips.bytes(self.pixels(), self.o4());
            Bound::window(Binding { slot: Slot::Scratch(strips.scratch), offset: 0, size }, 0)
        })
    }
}

/// The code and the parameters of a function; those of the identity for `None`.
fn code(function: Option<Unary>) -> (Activation, f64, f64) {
    let (code, p, q) = function.map_or((Activation::Identity, 0.0, 0.0), |function| activation(&function));
    (code, p.into(), q.into())
}
