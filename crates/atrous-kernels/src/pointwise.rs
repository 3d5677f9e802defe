//! Functions of single elements, and softmax and arg-max over the channels of a pixel.

mod chain;

use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Shape};

use crate::kernel::{Candidate, Kernel, choose, require, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

pub use chain::plan_chain;

/// A function's code and parameters in `helpers/activation`.
pub(crate) fn activation(op: &Unary) -> (u32, f32, f32) {
    match *op {
        Unary::Relu => (1, 0.0, 0.0),
        Unary::Relu6 => (2, 0.0, 0.0),
        Unary::LeakyRelu { slope } => (3, slope, 0.0),
        Unary::Elu { alpha } => (4, alpha, 0.0),
        Unary::Sigmoid => (5, 0.0, 0.0),
        Unary::Tanh => (6, 0.0, 0.0),
        Unary::Silu => (7, 0.0, 0.0),
        Unary::Gelu => (8, 0.0, 0.0),
        Unary::GeluTanh => (9, 0.0, 0.0),
        Unary::HardSigmoid => (10, 0.0, 0.0),
        Unary::HardSwish => (11, 0.0, 0.0),
        Unary::Softplus => (12, 0.0, 0.0),
        Unary::Affine { scale, shift } => (13, scale, shift),
        Unary::Abs => (14, 0.0, 0.0),
        Unary::Square => (15, 0.0, 0.0),
        Unary::Sqrt => (16, 0.0, 0.0),
        Unary::Exp => (17, 0.0, 0.0),
        Unary::Ln => (18, 0.0, 0.0),
        Unary::Pow { exponent } => (19, exponent, 0.0),
        Unary::Huber { delta } => (20, delta, 0.0),
        Unary::AtLeast { floor } => (21, floor, 0.0),
        Unary::Step => (22, 0.0, 0.0),
    }
}

/// Plans a function of each element.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_unary(op: &Unary, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (code, p, q) = activation(op);
    let count = vec4s(problem.output.ty);
    let dispatch = Kernel::storing(problem.output.ty, "pointwise/unary", "")
        .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
        .set("CODE", f64::from(code))
        .set("P", f64::from(p))
        .set("Q", f64::from(q))
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan::single("unary", dispatch))
}

/// Plans f32 as f16, or f16 as f32.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cast(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let count = vec4s(problem.output.ty);
    let narrow = problem.output.ty.dtype == DType::F16;
    let dispatch = Kernel::new("pointwise/cast", if narrow { "narrow" } else { "" })
        .sizes([("COUNT", count)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan::single("cast", dispatch))
}

/// Plans the gradient of a function of each element.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_unary_grad(op: &Unary, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (code, p, _) = activation(op);
    let (count, dy) = (vec4s(problem.output.ty), &problem.inputs[1]);
    let in_place = dy.dies.then_some(1);
    let kernel =
        Kernel::storing(problem.output.ty, "pointwise/unary_grad", if in_place.is_some() { "in_place" } else { "" })
            .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
            .set("CODE", f64::from(code))
            .set("P", f64::from(p))
            .bind("X_BASE", Slot::Input(0), &problem.inputs[0]);
    let kernel = if in_place.is_some() { kernel } else { kernel.bind("DY_BASE", Slot::Input(1), dy) };
    let dispatch = kernel.bind("DX_BASE", Slot::Output, &problem.output).invocations(count, problem.target)?;
    Ok(NodePlan { in_place, ..NodePlan::single("unary_grad", dispatch) })
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

/// Whether `small` is a vector over all channels, the same for all pixels of a sample of `y`.
fn is_channel_vector(small: Shape, y: Shape) -> bool {
    small.h == 1 && small.w == 1 && small.c == y.c && (small.n == 1 || small.n == y.n)
}

/// Plans a function of two elements, sides of 1 broadcasting: equal shapes, a vector over channels against an image, or
/// anything.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_binary(op: &Binary, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty.shape;
    let shapes = [problem.inputs[0].ty.shape, problem.inputs[1].ty.shape];
    let vector = [1, 0].into_iter().find(|&i| shapes[1 - i] == y && is_channel_vector(shapes[i], y));
    let candidates = [
        Candidate::new("binary_equal", require(shapes == [y, y], "the shapes differ")),
        Candidate::new("binary_channel", require(vector.is_some(), "neither operand is a vector over channels")),
        Candidate::new("binary_broadcast", Ok(())),
    ];
    let [straight, exchanged] = codes(*op);
    let (variant, declined) = choose(problem.target, &candidates);
    // Over the second operand the first is read second.
    let over = [0, 1].into_iter().find(|i| shapes == [y, y] && problem.inputs[*i].dies);
    let plan = match (variant, vector) {
        ("binary_equal", _) if over.is_some() => {
            let (code, order) = if over == Some(0) { (straight, [0, 1]) } else { (exchanged, [1, 0]) };
            binary(problem, "in_place", variant, code, order).map(|plan| NodePlan { in_place: over, ..plan })
        }
        ("binary_equal", _) => binary(problem, "", variant, straight, [0, 1]),
        ("binary_channel", Some(1)) => binary(problem, "channel", variant, straight, [0, 1]),
        ("binary_channel", _) => binary(problem, "channel", variant, exchanged, [1, 0]),
        _ => binary(problem, "broadcast", variant, straight, [0, 1]),
    }?;
    Ok(NodePlan { declined, ..plan })
}

/// Distance in vec4s from one sample, row, column, channel vec4 of an operand to the next as the result's index grows;
/// 0 where the operand repeats.
fn strides(x: Shape, c4: usize, y: Shape) -> [usize; 4] {
    let full = [x.h * x.w * c4, x.w * c4, c4, 1];
    let (x, y) = (x.dims(), y.dims());
    std::array::from_fn(|i| if x[i] == 1 && y[i] > 1 { 0 } else { full[i] })
}

fn binary(
    problem: &Problem<'_>,
    variant: &str,
    name: &'static str,
    code: u32,
    order: [usize; 2],
) -> Result<NodePlan, PlanError> {
    let ty = problem.output.ty;
    let (y, c4) = (ty.shape, ty.padded().c / 4);
    let [a, b] = order.map(|i| &problem.inputs[i]);
    let mut kernel = Kernel::storing(ty, "pointwise/binary", variant)
        .sizes([("COUNT", vec4s(ty)), ("C", y.c)])
        .set("CODE", f64::from(code));
    if variant != "in_place" {
        kernel = kernel.bind("A_BASE", Slot::Input(order[0]), a);
    }
    kernel = kernel.bind("B_BASE", Slot::Input(order[1]), b).bind("Y_BASE", Slot::Output, &problem.output);
    if variant == "channel" {
        let step = if b.ty.shape.n == 1 { 0 } else { c4 };
        kernel = kernel.sizes([("C4", c4), ("SAMPLE", y.h * y.w * c4), ("B_N", step)]);
    }
    if variant == "broadcast" {
        let [sa, sb] = [a, b].map(|p| strides(p.ty.shape, p.ty.padded().c / 4, y));
        let splat = |x: Shape| usize::from(x.c == 1 && y.c > 1);
        kernel = kernel
            .sizes([("H", y.h), ("W", y.w), ("C4", c4)])
            .sizes([("A_N", sa[0]), ("A_H", sa[1]), ("A_W", sa[2]), ("A_C", sa[3]), ("A_SPLAT", splat(a.ty.shape))])
            .sizes([("B_N", sb[0]), ("B_H", sb[1]), ("B_W", sb[2]), ("B_C", sb[3]), ("B_SPLAT", splat(b.ty.shape))]);
    }
    Ok(NodePlan::single(name, kernel.invocations(vec4s(ty), problem.target)?))
}

/// Plans softmax over channels, or its logarithm.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_softmax(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let name = if log { "log_softmax" } else { "softmax" };
    over_channels("pointwise/softmax", if log { "log" } else { "" }, name, problem)
}

/// Plans the channel of the largest value.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_argmax(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    over_channels("pointwise/argmax", "", "argmax", problem)
}

/// A kernel that works on the channels of one pixel.
fn over_channels(
    kernel: &str,
    variant: &str,
    name: &'static str,
    problem: &Problem<'_>,
) -> Result<NodePlan, PlanError> {
    let Shape { n, h, w, c } = problem.inputs[0].ty.shape;
    let dispatch = Kernel::storing(problem.inputs[0].ty, kernel, variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}

/// Plans the gradient of softmax over channels, or of its logarithm.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_softmax_grad(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (name, variant) = if log { ("log_softmax_grad", "log") } else { ("softmax_grad", "") };
    let Shape { n, h, w, c } = problem.output.ty.shape;
    let dispatch = Kernel::new("pointwise/softmax_grad", variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("Y_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("DY_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("DX_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    fn plan(op: Op, shapes: &[Shape], target: Target) -> NodePlan {
        let inputs: Vec<_> = shapes.iter().map(|s| TensorType::image(*s)).collect();
        plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
    }

    fn value(plan: &NodePlan, name: &str) -> f64 {
        plan.dispatches[0].overrides.iter().find(|(n, _)| *n == name).expect("an override").1
    }

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn the_shapes_pick_the_binary_kernel() {
        let image = Shape::new(2, 5, 6, 7);
        let variant = |a, b| plan(Op::Binary(Binary::Sub), &[a, b], TARGET).variant;
        assert_eq!(variant(image, image), "binary_equal");
        assert_eq!(variant(image, Shape::channels(7)), "binary_channel");
        assert_eq!(variant(Shape::new(2, 1, 1, 7), image), "binary_channel");
        assert_eq!(variant(image, Shape::new(2, 5, 6, 1)), "binary_broadcast");
        assert_eq!(variant(Shape::new(2, 5, 1, 7), Shape::new(1, 1, 6, 7)), "binary_broadcast");
    }

    #[test]
    fn exchanged_operands_exchange_the_difference() {
        let shapes = [Shape::channels(8), Shape::new(1, 2, 2, 8)];
        let plan = plan(Op::Binary(Binary::Sub), &shapes, TARGET);
        assert_eq!(value(&plan, "CODE"), 2.0);
        assert_eq!(plan.dispatches[0].bindings[0].slot, Slot::Input(1));
    }

    #[test]
    fn a_variant_can_be_asked_for_where_it_is_legal() {
        let image = Shape::new(2, 5, 6, 7);
        let target = Target { variant: Some("binary_broadcast"), ..TARGET };
        assert_eq!(plan(Op::Binary(Binary::Add), &[image, image], target).variant, "binary_broadcast");
        let target = Target { variant: Some("binary_channel"), ..TARGET };
        let declined = plan(Op::Binary(Binary::Add), &[image, Shape::new(2, 1, 6, 7)], target);
        assert_eq!((declined.variant, declined.declined.len()), ("binary_broadcast", 2));
    }

    #[test]
    fn every_unary_function_has_its_own_code() {
        assert_eq!(Unary::EXAMPLES.iter().map(|u| activation(u).0).collect::<Vec<_>>(), (1..=22).collect::<Vec<_>>());
        assert_eq!(value(&plan(Op::Unary(Unary::EXAMPLES[3]), &[Shape::channels(5)], TARGET), "P"), 1.5);
    }

    #[test]
    fn what_32_bits_cannot_address_is_refused() {
        let limits = Limits { max_binding: 1 << 40, max_buffer: 1 << 40, ..Limits::WEBGPU };
        let x = TensorType::image(Shape::new(1, 1 << 14, 1 << 14, 4));
        let refused = plan_node(&Op::Unary(Unary::Relu), &[x], x, &Target::new(limits, false));
        let expected = PlanError::Limit { what: "bytes in one binding", needs: 1 << 32, limit: 1 << 31 };
        assert_eq!(refused.map(|plan| plan.variant), Err(expected));
    }

    #[test]
    fn a_grid_stays_within_the_limit_of_each_axis() {
        let plan = plan(Op::Softmax, &[Shape::new(1, 4000, 2000, 1)], TARGET);
        let [x, y, _] = plan.dispatches[0].grid;
        assert!(x <= 65_535 && u64::from(x) * u64::from(y) >= 125_000);
    }
}
