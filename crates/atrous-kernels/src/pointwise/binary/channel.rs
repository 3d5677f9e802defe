//! A vector over channels, the same for all pixels of a sample of the other operand.

use atrous_shaders::pointwise::binary;

use super::operands::{Binaries, Operands};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Binaries> = Variant {
    entry: Entry::new("binary_channel"),
    legal: |p| require(vector(p).is_some(), "neither operand is a vector over channels"),
    preferred: |_| Ok(()),
    plan,
};

/// The operand that is the vector.
fn vector(p: &Operands<'_>) -> Option<usize> {
    p.repeated(|x, y| x.h == 1 && x.w == 1 && x.c == y.c && (x.n == 1 || x.n == y.n))
}

/// The vector is read second.
fn plan(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(if vector(p) == Some(1) { 0 } else { 1 });
    let vector = p.problem.inputs[order[1]].ty.shape;
    let ty = p.problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let step = if vector.n == 1 { 0 } else { c4 };
    let axes = binary::Axes { channel: Some(binary::Channel { sample: y.h * y.w * c4 }), ..p.axes() };
    p.plan(axes, binary::Constants { c4: Some(c4), b_n: Some(step), ..p.constants(code) }, order)
}
