//! Functions of two elements, and their variants by how the operands' shapes differ.

use atrous_graph::Shape;
use atrous_graph::op::Binary;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::{Part, Problem};
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
    fn order(&self, first: usize) -> ([usize; 2], u32) {
        let [straight, exchanged] = codes(self.op);
        if first == 0 { ([0, 1], straight) } else { ([1, 0], exchanged) }
    }

    fn operands(&self, order: [usize; 2]) -> [&Part; 2] {
        order.map(|i| &self.problem.inputs[i])
    }

    /// The kernel on the operands in this order.
    fn kernel(&self, axis: &str, order: [usize; 2], code: u32) -> Kernel {
        let [a, b] = self.operands(order);
        let kernel = self.start(axis, code).bind("A_BASE", Slot::Input(order[0]), a);
        kernel.bind("B_BASE", Slot::Input(order[1]), b).bind("Y_BASE", Slot::Output, &self.problem.output)
    }

    fn start(&self, axis: &str, code: u32) -> Kernel {
        let ty = self.problem.output.ty;
        Kernel::storing(ty, "pointwise/binary", axis)
            .sizes([("COUNT", vec4s(ty)), ("C", ty.shape.c)])
            .set("CODE", f64::from(code))
    }

    fn plan(&self, kernel: Kernel) -> Result<NodePlan, PlanError> {
        kernel.invocations(vec4s(self.problem.output.ty), self.problem.target).map(NodePlan::from)
    }
}

/// Over an operand that dies, or into a tensor of its own.
fn equal(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let Some(over) = [0, 1].into_iter().find(|i| p.problem.inputs[*i].dies) else {
        let (order, code) = p.order(0);
        return p.plan(p.kernel("", order, code));
    };
    // Over the second operand the first is read second.
    let (order, code) = p.order(over);
    let [_, b] = p.operands(order);
    let kernel = p.start("in_place", code).bind("B_BASE", Slot::Input(order[1]), b);
    let plan = p.plan(kernel.bind("Y_BASE", Slot::Output, &p.problem.output))?;
    Ok(NodePlan { in_place: Some(over), ..plan })
}

/// The vector is read second.
fn channel(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(if p.vector() == Some(1) { 0 } else { 1 });
    let [_, b] = p.operands(order);
    let ty = p.problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let step = if b.ty.shape.n == 1 { 0 } else { c4 };
    let sizes = [("C4", c4), ("SAMPLE", y.h * y.w * c4), ("B_N", step)];
    p.plan(p.kernel("channel", order, code).sizes(sizes))
}

fn broadcast(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(0);
    let [a, b] = p.operands(order);
    let ty = p.problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let [sa, sb] = [a, b].map(|p| strides(p.ty.shape, p.ty.padded().c / 4, y));
    let splat = |x: Shape| usize::from(x.c == 1 && y.c > 1);
    let kernel = p
        .kernel("broadcast", order, code)
        .sizes([("H", y.h), ("W", y.w), ("C4", c4)])
        .sizes([("A_N", sa[0]), ("A_H", sa[1]), ("A_W", sa[2]), ("A_C", sa[3]), ("A_SPLAT", splat(a.ty.shape))])
        .sizes([("B_N", sb[0]), ("B_H", sb[1]), ("B_W", sb[2]), ("B_C", sb[3]), ("B_SPLAT", splat(b.ty.shape))]);
    p.plan(kernel)
}

/// Distance in vec4s from one sample, row, column, channel vec4 of an operand to the next as the result's index grows;
/// 0 where the operand repeats.
fn strides(x: Shape, c4: usize, y: Shape) -> [usize; 4] {
    let full = [x.h * x.w * c4, x.w * c4, c4, 1];
    let (x, y) = (x.dims(), y.dims());
    std::array::from_fn(|i| if x[i] == 1 && y[i] > 1 { 0 } else { full[i] })
}

/// The codes of `pointwise/binary`: the function, and the function with its operands exchanged.
const fn codes(op: Binary) -> [u32; 2] {
    match op {
        Binary::Add => [0, 0],
        Binary::Sub => [1, 2],
        Binary::Mul => [3, 3],
        Binary::DivNoNan => [4, 5],
        Binary::Equal => [6, 6],
    }
}
