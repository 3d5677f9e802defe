//! Functions of two elements, and their variants by how the operands' shapes differ.

mod broadcast;
mod channel;
mod equal;
mod pixel;

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
use crate::variant::{Entry, Family, Variants};

/// Functions of two elements.
pub(crate) enum Binaries {}

impl Family for Binaries {
    type Problem<'a> = Operands<'a>;
}

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Binaries> =
    Variants { best_first: &[&equal::VARIANT, &channel::VARIANT, &pixel::VARIANT], last: &broadcast::VARIANT };

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

    /// The operand that repeats, where the other one has the result's shape and this one a shape that `admits` takes beside it.
    fn repeated(&self, admits: impl Fn(Shape, Shape) -> bool) -> Option<usize> {
        let (y, shapes) = (self.problem.output.ty.shape, self.shapes());
        [1, 0].into_iter().find(|&i| shapes[1 - i] == y && admits(shapes[i], y))
    }

    /// In which order they are read if operand `i` is read first, and the function's code then.
    fn order(&self, first: usize) -> ([usize; 2], codes::Binary) {
        let [straight, exchanged] = functions(self.op);
        if first == 0 { ([0, 1], straight) } else { ([1, 0], exchanged) }
    }

    /// What all forms of the kernel are told.
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

#[cfg(test)]
mod tests {
    use atrous_graph::op::Binary;
    use atrous_graph::{Op, Shape, TensorType};

    use crate::{Limits, NodePlan, Slot, Target, plan_node};

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    fn plan(op: Op, shapes: &[Shape], target: Target) -> NodePlan {
        let inputs: Vec<_> = shapes.iter().map(|s| TensorType::image(*s)).collect();
        plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
    }

    #[test]
    fn the_shapes_pick_the_binary_kernel() {
        let image = Shape::new(2, 5, 6, 7);
        let variant = |a, b| plan(Op::Binary(Binary::Sub), &[a, b], TARGET).variant;
        assert_eq!(variant(image, image), "binary_equal");
        assert_eq!(variant(image, Shape::channels(7)), "binary_channel");
        assert_eq!(variant(Shape::new(2, 1, 1, 7), image), "binary_channel");
        assert_eq!(variant(image, Shape::new(2, 5, 6, 1)), "binary_pixel");
        assert_eq!(variant(Shape::new(1, 5, 6, 1), image), "binary_pixel");
        assert_eq!(variant(image, Shape::new(2, 5, 1, 1)), "binary_broadcast");
        assert_eq!(variant(Shape::new(2, 5, 1, 7), Shape::new(1, 1, 6, 7)), "binary_broadcast");
    }

    #[test]
    fn exchanged_operands_exchange_the_difference() {
        let shapes = [Shape::channels(8), Shape::new(1, 2, 2, 8)];
        let plan = plan(Op::Binary(Binary::Sub), &shapes, TARGET);
        let code = plan.dispatches[0].overrides.iter().find(|(name, _)| *name == "CODE").expect("a code");
        assert_eq!(code.1, 2.0);
        assert_eq!(plan.dispatches[0].bindings[0].slot, Slot::Input(1));
    }

    #[test]
    fn a_variant_can_be_asked_for_where_it_is_legal() {
        let image = Shape::new(2, 5, 6, 7);
        let target = Target { variant: Some("binary_broadcast"), ..TARGET };
        assert_eq!(plan(Op::Binary(Binary::Add), &[image, image], target).variant, "binary_broadcast");
        let target = Target { variant: Some("binary_channel"), ..TARGET };
        let declined = plan(Op::Binary(Binary::Add), &[image, Shape::new(2, 1, 6, 7)], target);
        assert_eq!((declined.variant, declined.declined.len()), ("binary_broadcast", 3));
    }
}
