//! A function of two elements, and what its variants ask of it.

use atrous_graph::Shape;
use atrous_graph::op::Binary;
use atrous_shaders::codes;
use atrous_shaders::pointwise::binary;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::problem::Problem;
use crate::variant::Family;

/// Functions of two elements.
pub(crate) enum Binaries {}

impl Family for Binaries {
    type Problem<'a> = Operands<'a>;
}

/// A function of two elements and what it is applied to.
pub(crate) struct Operands<'a> {
    pub(super) op: Binary,
    pub(super) problem: &'a Problem<'a>,
}

impl Operands<'_> {
    pub(super) fn shapes(&self) -> [Shape; 2] {
        [0, 1].map(|i| self.problem.inputs[i].ty.shape)
    }

    /// The operand that repeats, where the other one has the result's shape and this one a shape that `admits` takes beside it.
    pub(super) fn repeated(&self, admits: impl Fn(Shape, Shape) -> bool) -> Option<usize> {
        let (y, shapes) = (self.problem.output.ty.shape, self.shapes());
        [1, 0].into_iter().find(|&i| shapes[1 - i] == y && admits(shapes[i], y))
    }

    /// In which order they are read if operand `i` is read first, and the function's code then.
    pub(super) fn order(&self, first: usize) -> ([usize; 2], codes::Binary) {
        let [straight, exchanged] = functions(self.op);
        if first == 0 { ([0, 1], straight) } else { ([1, 0], exchanged) }
    }

    /// What all forms of the kernel are told.
    pub(super) fn constants(&self, code: codes::Binary) -> binary::Constants {
        let ty = self.problem.output.ty;
        binary::Constants { count: vec4s(ty), c: ty.shape.c, code, c4: None, b_n: None }
    }

    /// The kernel on the operands in this order.
    pub(super) fn plan(
        &self,
        axes: binary::Axes,
        constants: binary::Constants,
        order: [usize; 2],
    ) -> Result<NodePlan, PlanError> {
        let [a, b] = order.map(|i| Bound::input(self.problem, i));
        let call = binary::call(
            axes,
            constants,
            binary::Bindings { a: (!axes.in_place).then_some(a), b, y: Bound::output(self.problem) },
        );
        Kernel::from(call).invocations(constants.count, self.problem.target).map(NodePlan::from)
    }

    /// The axes where both operands are as the result, which has its own tensor.
    pub(super) fn axes(&self) -> binary::Axes {
        binary::Axes { channel: None, broadcast: None, in_place: false, half: is_half(self.problem.output.ty) }
    }
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
