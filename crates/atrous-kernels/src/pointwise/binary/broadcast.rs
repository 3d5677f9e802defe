//! Operands of any shapes that broadcast to the result's.

use atrous_graph::Shape;
use atrous_shaders::pointwise::binary;

use super::operands::{Binaries, Operands};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::variant::{Entry, General};

pub(super) static VARIANT: General<Binaries> = General { entry: Entry::new("binary_broadcast"), plan };

fn plan(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(0);
    let [a, b] = order.map(|i| p.problem.inputs[i].ty);
    let ty = p.problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let [[a_n, a_h, a_w, a_c], [b_n, b_h, b_w, b_c]] = [a, b].map(|x| strides(x.shape, x.padded().c / 4, y));
    let [a_splat, b_splat] = [a, b].map(|x| x.shape.c == 1 && y.c > 1);
    let broadcast = binary::Broadcast { h: y.h, w: y.w, a_n, a_h, a_w, a_c, a_splat, b_h, b_w, b_c, b_splat };
    let axes = binary::Axes { broadcast: Some(broadcast), ..p.axes() };
    p.plan(axes, binary::Constants { c4: Some(c4), b_n: Some(b_n), ..p.constants(code) }, order)
}

/// Distance in vec4s from one sample, row, column, channel vec4 of an operand to the next as the result's index grows;
/// 0 where the operand repeats.
fn strides(x: Shape, c4: usize, y: Shape) -> [usize; 4] {
    let full = [x.h * x.w * c4, x.w * c4, c4, 1];
    let (x, y) = (x.dims(), y.dims());
    std::array::from_fn(|i| if x[i] == 1 && y[i] > 1 { 0 } else { full[i] })
}
