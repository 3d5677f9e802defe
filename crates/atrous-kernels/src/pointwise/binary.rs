//! Functions of two elements, and their variants by how the operands' shapes differ.

use atrous_graph::Shape;
use atrous_graph::op::Binary;
use atrous_shaders::codes;
use atrous_shaders::pointwise::binary;

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::{Entry, Family, General, Variant, Variants, require};

/// Functions of two elements.
pub(crate) enum Binaries {}

impl Family for Binaries {
    type Problem<'a> = Operands<'a>;
}

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Binaries> = Variants { best_first: &[&EQUAL, &CHANNEL], last: &BROADCAST };

static EQUAL: Variant<Binaries> = Variant {
    entry: Entry::new("binary_equal"),
    legal: |p| require(p.are_equal(), "the shapes differ"),
    preferred: |_| Ok(()),
    plan: equal,
};

static CHANNEL: Variant<Binaries> = Variant {
    entry: Entry::new("binary_channel"),
    legal: |p| require(p.vector().is_some(), "neither operand is a vector over channels"),
    preferred: |_| Ok(()),
    plan: channel,
};

static BROADCAST: General<Binaries> = General { entry: Entry::new("binary_broadcast"), plan: broadcast };

impl Kernels for Binary {
    fn variants(&self) -> Vec<&'static Entry> {
        VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        VARIANTS.plan(&Operands { op: *self, problem }, problem.target)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.broadcast())
    }
}

/// A function of two elements and what it is applied to.
pub(crate) struct Operands<'a> {
    op: Binary,
    problem: &'a Problem<'a>,
}

impl Operands<'_> {
    fn shapes(&self) -> [Shape; 2] {
        [0, 1].map(|i| self.problem.inputs[i].ty.shape)
    }

    /// Whether both have the shape of the result.
    fn are_equal(&self) -> bool {
        self.shapes() == [self.problem.output.ty.shape; 2]
    }

    /// The operand that is a vector over all channels, the same for all pixels of a sample of the other one.
    fn vector(&self) -> Option<usize> {
        let (y, shapes) = (self.problem.output.ty.shape, self.shapes());
        let is_vector = |x: Shape| x.h == 1 && x.w == 1 && x.c == y.c && (x.n == 1 || x.n == y.n);
        [1, 0].into_iter().find(|&i| shapes[1 - i] == y && is_vector(shapes[i]))
    }

    /// In which order they are read if operand `i` is read first, and the function's code then.
    fn order(&self, first: usize) -> ([usize; 2], codes::Binary) {
        let [straight, exchanged] = functions(self.op);
        if first == 0 { ([0, 1], straight) } else { ([1, 0], exchanged) }
    }

    /// What all variants are told.
    fn constants(&self, code: codes::Binary) -> binary::Constants {
        let ty = self.problem.output.ty;
        binary::Constants { count: vec4s(ty), c: ty.shape.c, code, c4: None, b_n: None }
    }

    /// The kernel on the operands in this order.
    fn plan(&self, axes: binary::Axes, constants: binary::Constants, order: [usize; 2]) -> Result<NodePlan, PlanError> {
        let [a, b] = order.map(|i| Bound::input(self.problem, i));
        let call = binary::call(
            axes,
            constants,
            binary::Bindings { a: (!axes.in_place).then_some(a), b, y: Bound::output(self.problem) },
        );
        Kernel::from(call).invocations(constants.count, self.problem.target).map(NodePlan::from)
    }

    /// The axes where both operands are as the result, which has its own tensor.
    fn axes(&self) -> binary::Axes {
        binary::Axes { channel: None, broadcast: None, in_place: false, half: is_half(self.problem.output.ty) }
    }
}

/// Over an operand that dies, or into a tensor of its own.
fn equal(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let in_place = [0, 1].into_iter().find(|i| p.problem.inputs[*i].dies);
    // Over the second operand the first is read second.
    let (order, code) = p.order(in_place.unwrap_or(0));
    let axes = binary::Axes { in_place: in_place.is_some(), ..p.axes() };
    Ok(NodePlan { in_place, ..p.plan(axes, p.constants(code), order)? })
}

/// The vector is read second.
fn channel(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(if p.vector() == Some(1) { 0 } else { 1 });
    let vector = p.problem.inputs[order[1]].ty.shape;
    let ty = p.problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let step = if vector.n == 1 { 0 } else { c4 };
    let axes = binary::Axes { channel: Some(binary::Channel { sample: y.h * y.w * c4 }), ..p.axes() };
    p.plan(axes, binary::Constants { c4: Some(c4), b_n: Some(step), ..p.constants(code) }, order)
}

fn broadcast(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
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

/// The codes of a function, and of the function with its operands exchanged.
const fn functions(op: Binary) -> [codes::Binary; 2] {
    match op {
        Binary::Add => [codes::Binary::Add; 2],
        Binary::Sub => [codes::Binary::Sub, codes::Binary::SubExchanged],
        Binary::Mul => [codes::Binary::Mul; 2],
        Binary::DivNoNan => [codes::Binary::DivNoNan, codes::Binary::DivNoNanExchanged],
        Binary::Equal => [codes::Binary::Equal; 2],
    }
}
