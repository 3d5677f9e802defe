//! Results that take memory of other tensors: written over a residual, or into a range of a concatenation's channels.

use std::collections::BTreeSet;
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare};
use atrous_gpu::{InputData, Parameters, Session};
use atrous_graph::op::*;
use atrous_graph::{DType, Graph, Layout, Op, Shape, TensorType};
use atrous_kernels::plan::{BufferKind, Plan, plan};
use atrous_kernels::{Limits, Target};
use atrous_tests::{Case, Setting, checked, conv_variants, stored};

use crate::chains::chains;
use crate::{fused, others};

/// The bytes that two nodes' tensors have in common.
pub(crate) fn shared(plan: &Plan, [a, b]: [&str; 2]) -> bool {
    let place = |name: &str| {
        let step = plan.steps.iter().find(|step| step.name == name).expect("a step");
        plan.tensors[step.node.0].expect("a place").place
    };
    place(a) == place(b)
}

#[test]
fn every_convolution_over_its_residual() {
    let device = checked();
    let mut served = BTreeSet::new();
    for case in fused::all() {
        let Op::Fused(Fused::Conv(fused)) = case.op else { continue };
        let expected = case.expect_in(Setting::Dying);
        served.extend(expected.check_variants(&device, &device.target()));
        let residual = format!("copy{}", case.inputs.len() - 1);
        let plan = expected.plan(&device.target());
        assert_eq!(shared(&plan, ["case", &residual]), fused.residual, "{case:?}\n{plan}");
    }
    assert!(conv_variants(&device.target()).all(|name| served.contains(name)), "{served:?}");
}

#[test]
fn every_kernel_that_writes_a_range_of_channels() {
    let device = checked();
    let resize = [Resize::nearest(13, 5), Resize::bilinear(13, 5, Coordinates::HalfPixel)];
    let antialias = Resize { h: 4, w: 3, interpolation: Interpolation::BilinearAntialias, step: None };
    let resized = resize.into_iter().chain([antialias]).map(Op::Resize);
    let resized = resized.flat_map(|op| others::SHAPES.map(|s| Case::images(op, &[s])));
    let normalised = others::SHAPES.into_iter().flat_map(|s| {
        let norm = BatchNorm { eps: 1e-3, scale: true, shift: true, batch: false };
        let vectors = [Shape::channels(s.c); 4];
        let fused = FusedBatchNorm { norm, residual: true, activation: Some(Unary::Relu) };
        [
            Case::images(Op::BatchNorm(norm), &[&[s], &vectors[..]].concat()),
            Case::images(Op::Fused(Fused::BatchNorm(fused)), &[&[s], &vectors[..], &[s]].concat()),
        ]
    });
    let mut served = BTreeSet::new();
    for case in fused::all().into_iter().chain(resized).chain(normalised) {
        let expected = case.expect_in(Setting::Concatenated);
        served.extend(expected.check_variants(&device, &device.target()));
        let plan = expected.plan(&device.target());
        assert!(shared(&plan, ["case", "whole"]), "{case:?}\n{plan}");
    }
    assert!(conv_variants(&device.target()).all(|name| served.contains(name)), "{served:?}");
}

/// Functions of elements, and the input that each may be written over.
pub(crate) fn functions_of_elements(x: Shape) -> Vec<(Case, usize)> {
    let mut cases: Vec<(Case, usize)> = Vec::new();
    for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::DivNoNan, Binary::Equal] {
        cases.push((Case::images(Op::Binary(op), &[x, x]), 0));
    }
    cases.extend(Unary::EXAMPLES.map(|f| (Case::images(Op::Gradient(Gradient::Unary(UnaryGrad(f))), &[x, x]), 1)));
    let vectors = |sums: bool, more: usize| {
        let vector = Shape::channels(9);
        let tail = sums.then_some(Shape { n: 2, ..vector });
        [vec![x, x], vec![vector; 2 + more], tail.into_iter().collect()].concat()
    };
    for batch in [false, true] {
        for scale in [false, true] {
            let op = BatchNormGrad { eps: 1e-3, scale, batch };
            cases.push((Case::images(Op::Gradient(Gradient::BatchNorm(op)), &vectors(batch, usize::from(scale))), 1));
        }
        let op = FusedBatchNormGrad { eps: 1e-3, batch, activation: Unary::LeakyRelu { slope: 0.2 } };
        cases.push((Case::images(Op::Fused(Fused::BatchNormGrad(op)), &vectors(batch, 2)), 1));
    }
    cases
}

#[test]
fn every_function_of_elements_over_an_input() {
    let device = checked();
    // Of the larger one an invocation takes several vec4s.
    let cases = [Shape::new(2, 5, 7, 9), Shape::new(2, 33, 32, 9)].into_iter().flat_map(functions_of_elements);
    let both =
        cases.flat_map(|(case, over)| stored([case], &device.target()).into_iter().map(move |case| (case, over)));
    for (case, over) in both {
        let expected = case.expect_in(Setting::Dying);
        expected.check(&device, &device.target());
        let plan = expected.plan(&device.target());
        assert!(shared(&plan, ["case", &format!("copy{over}")]), "{case:?}\n{plan}");
        let step = plan.steps.iter().find(|step| step.name == "case").expect("a step");
        assert!(step.dispatches[0].shader.variant.contains("in_place"), "{case:?}\n{plan}");
    }
}

#[test]
fn chains_over_an_input() {
    let device = checked();
    for case in stored(chains(Shape::new(2, 5, 7, 9)), &device.target()) {
        let expected = case.expect_in(Setting::Dying);
        expected.check(&device, &device.target());
        let plan = expected.plan(&device.target());
        assert!(shared(&plan, ["case", "copy0"]), "{case:?}\n{plan}");
    }
}

/// The second operand dies, the first does not.
#[test]
fn a_difference_over_its_second_operand() {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 3, 2, 5), DType::F32).expect("an input");
    let a = graph.add("a", Op::Unary(Unary::Square), &[x]).expect("a node");
    let b = graph.add("b", Op::Unary(Unary::Abs), &[x]).expect("a node");
    let difference = graph.add("difference", Op::Binary(Binary::Sub), &[a, b]).expect("a node");
    let again = graph.add("again", Op::Binary(Binary::Sub), &[difference, a]).expect("a node");
    let device = checked();
    let made = plan(&graph, &[again], &device.target()).expect("a plan");
    assert!(shared(&made, ["difference", "b"]) && !shared(&made, ["difference", "a"]), "{made}");
    let parameters = Parameters::upload(&device, &graph, &std::collections::HashMap::new()).expect("no parameters");
    let mut session = Session::from_plan(&device, &graph, made, Arc::new(parameters)).expect("a session");
    let x: Vec<f32> = (0..30).map(|i| i as f32 - 14.0).collect();
    let got = session.run_blocking(&[("x", InputData::F32(&x))]).expect("a run");
    let want: Vec<f32> = x.iter().map(|x| -x.abs()).collect();
    assert_eq!(got.f32("again").expect("a difference"), want);
}

/// Of a chain's inputs the second dies, the others do not.
#[test]
fn a_chain_over_its_second_input() {
    let mut graph = Graph::new();
    let shape = Shape::new(1, 3, 2, 5);
    let x = graph.input("x", shape, DType::F32).expect("an input");
    let [a, b, c] = [("a", Unary::Square), ("b", Unary::Abs), ("c", Unary::Affine { scale: 2.0, shift: 1.0 })]
        .map(|(name, f)| graph.add(name, Op::Unary(f), &[x]).expect("a node"));
    let steps = [Step::Add, Step::Mul];
    let chain = Op::Fused(Fused::Chain(Chain::new(&steps).expect("a chain")));
    let y = graph.add("y", chain, &[a, b, c]).expect("a node");
    let ac = graph.add("ac", Op::Binary(Binary::Mul), &[a, c]).expect("a node");
    let last = graph.add("last", Op::Binary(Binary::Sub), &[y, ac]).expect("a node");
    let device = checked();
    let made = plan(&graph, &[last], &device.target()).expect("a plan");
    assert!(shared(&made, ["y", "b"]), "{made}");
    let parameters = Parameters::upload(&device, &graph, &std::collections::HashMap::new()).expect("no parameters");
    let mut session = Session::from_plan(&device, &graph, made, Arc::new(parameters)).expect("a session");
    let x: Vec<f32> = (0..30).map(|i| i as f32 - 14.0).collect();
    let got = session.run_blocking(&[("x", InputData::F32(&x))]).expect("a run");
    let want: Vec<f32> = x.iter().map(|x| x.abs() * (2.0 * x + 1.0)).collect();
    assert_eq!(got.f32("last").expect("a product"), want);
}

/// A level of a U-Net, its image and filter of this type: what is concatenated is pooled as well.
fn level(c: usize, dtype: DType, extra: Option<Op>) -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(2, 9, 7, 3), dtype).expect("an input");
    let filter = TensorType { dtype, ..TensorType::filter(Shape::new(3, 3, 3, c)) };
    let w = graph.parameter_of("w", filter).expect("a filter");
    let mut add = |name: &str, op, inputs: &[_]| graph.add(name, op, inputs).expect(name);
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let skip = add("skip", Op::Conv2d(conv), &[x, w]);
    let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
    let pooled = add("pooled", Op::MaxPool(MaxPool { window }), &[skip]);
    let places = add("places", Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[skip]);
    let up = add("up", Op::Resize(Resize::bilinear(9, 7, Coordinates::HalfPixel)), &[pooled]);
    let more = extra.map(|op| add("more", op, &[skip]));
    let joined = add("joined", Op::Concat, &[skip, up]);
    let inputs = [joined].into_iter().chain(more).collect::<Vec<_>>();
    let sum = add("sum", Op::Unary(Unary::Abs), &inputs[..1]);
    graph.set_outputs([sum, places].into_iter().chain(more).collect());
    graph
}

fn joined(plan: &Plan) -> [bool; 2] {
    ["skip", "up"].map(|name| shared(plan, [name, "joined"]))
}

/// Values are small whole numbers, whose sums f16 holds as well.
#[test]
fn a_skip_is_pooled_where_it_lies() {
    let device = checked();
    let cases = [(8, [true, true]), (5, [false, false])];
    let types = [DType::F32, DType::F16].into_iter().filter(|dtype| device.info().f16 || *dtype == DType::F32);
    for (dtype, (c, written)) in types.flat_map(|dtype| cases.map(|case| (dtype, case))) {
        let graph = level(c, dtype, None);
        let made = plan(&graph, graph.outputs(), &device.target()).expect("a plan");
        assert_eq!(joined(&made), written, "{c} channels:\n{made}");
        let x: Vec<f32> = (0..2 * 9 * 7 * 3).map(|i| (i * 37 % 101 % 7) as f32 - 3.0).collect();
        let w: Vec<f32> = (0..27 * c).map(|i| (i * 53 % 89 % 5) as f32 - 2.0).collect();
        let values = std::collections::HashMap::from([
            ("x".to_owned(), Tensor::from_f32(Shape::new(2, 9, 7, 3), &x)),
            ("w".to_owned(), Tensor::from_f32(Shape::new(3, 3, 3, c), &w)),
        ]);
        let want = atrous_cpu::run(&graph, &values, graph.outputs()).expect("the reference");
        let parameters = std::collections::HashMap::from([("w".to_owned(), w)]);
        let parameters = Parameters::upload(&device, &graph, &parameters).expect("the parameters");
        let mut session = Session::from_plan(&device, &graph, made, Arc::new(parameters)).expect("a session");
        let got = session.run_blocking(&[("x", InputData::F32(&x))]).expect("a run");
        let magnitude = want[0].map(|_| 27.0);
        let judged = compare(got.f32("sum").expect("sums"), &want[0], &magnitude, Tolerance::of(dtype));
        judged.unwrap_or_else(|e| panic!("{dtype}: {e}"));
        let places: Vec<f64> = got.u32("places").expect("places").iter().map(|v| f64::from(*v)).collect();
        assert_eq!(places, want[1].data);
    }
}

#[test]
fn what_cannot_lie_in_a_concatenation_is_copied_and_says_why() {
    let target = Target::new(Limits::WEBGPU, true);
    let of = |graph: &Graph, limits: Limits| {
        let made = plan(graph, graph.outputs(), &Target { limits, ..target.clone() }).expect("a plan");
        let step = made.steps.iter().find(|step| step.name == "joined").expect("the concatenation");
        let reasons: Vec<&str> = step.declined.iter().map(|declined| declined.reason).collect();
        assert_eq!(step.dispatches.is_empty(), joined(&made) == [true, true]);
        (joined(&made), reasons.join("; "))
    };
    assert_eq!(of(&level(8, DType::F32, None), Limits::WEBGPU), ([true, true], String::new()));
    // Both bounds of the second range are within a vec4.
    let (lies, reasons) = of(&level(5, DType::F32, None), Limits::WEBGPU);
    assert!(lies == [false, false] && reasons.contains("share a vec4"), "{reasons}");
    let (lies, reasons) = of(&level(8, DType::F32, Some(Op::Unary(Unary::Tanh))), Limits::WEBGPU);
    assert!(lies == [false, true] && reasons.contains("reads whole tensors"), "{reasons}");
    let (lies, reasons) = of(&level(8, DType::F32, None), Limits { max_binding: 6_000, ..Limits::WEBGPU });
    assert!(lies == [false, false] && reasons.contains("binding limit"), "{reasons}");
    let mut graph = level(8, DType::F32, None);
    let outputs = ["skip", "sum"].map(|name| graph.find(name).expect("a node"));
    graph.set_outputs(outputs.to_vec());
    let (lies, reasons) = of(&graph, Limits::WEBGPU);
    assert!(lies == [false, true] && reasons.contains("an output"), "{reasons}");
}

/// One input, or one twice: nothing can lie in two places, nor a copy where its source lies.
#[test]
fn concatenations_of_one_tensor_are_copies() {
    let device = checked();
    for inputs in [1, 2] {
        let mut graph = Graph::new();
        let x = graph.input("x", Shape::new(1, 3, 5, 8), DType::F32).expect("an input");
        let large = graph.add("large", Op::Resize(Resize::nearest(6, 5)), &[x]).expect("a node");
        let joined = graph.add("joined", Op::Concat, &vec![large; inputs]).expect("a concatenation");
        let y = graph.add("y", Op::Unary(Unary::Abs), &[joined]).expect("a node");
        let made = plan(&graph, &[y], &device.target()).expect("a plan");
        assert!(!shared(&made, ["large", "joined"]), "{made}");
        let parameters = Parameters::upload(&device, &graph, &std::collections::HashMap::new()).expect("none");
        let mut session = Session::from_plan(&device, &graph, made, Arc::new(parameters)).expect("a session");
        let x: Vec<f32> = (0..120).map(|i| i as f32 - 60.0).collect();
        let got = session.run_blocking(&[("x", InputData::F32(&x))]).expect("a run");
        let rows = (0..6).flat_map(|row| x[row / 2 * 40..][..40].chunks(8));
        let want: Vec<f32> = rows.flat_map(|pixel| pixel.repeat(inputs)).map(f32::abs).collect();
        assert_eq!(got.f32("y").expect("a result"), want);
    }
}

#[test]
fn a_residual_that_is_read_again_is_not_overwritten() {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 4, 4, 8), DType::F32).expect("an input");
    let w = graph.parameter("w", Shape::new(1, 1, 8, 8), Layout::Filter).expect("a filter");
    let b = graph.parameter("b", Shape::channels(8), Layout::Image).expect("a bias");
    let r = graph.add("r", Op::Unary(Unary::Abs), &[x]).expect("a node");
    let conv = FusedConv { residual: true, ..FusedConv::plain(Convolution::Forward(Conv2d::default()), true) };
    let y = graph.add("y", Op::Fused(Fused::Conv(conv)), &[x, w, b, r]).expect("a convolution");
    let own = graph.add("own", Op::Fused(Fused::Conv(conv)), &[y, w, b, y]).expect("a convolution");
    let again = graph.add("again", Op::Binary(Binary::Add), &[own, r]).expect("a sum");
    let target = Target::new(Limits::WEBGPU, true);
    let made = plan(&graph, &[again], &target).expect("a plan");
    assert!(!shared(&made, ["y", "r"]) && !shared(&made, ["own", "y"]), "{made}");
    let over = |outputs: &[_]| shared(&plan(&graph, outputs, &target).expect("a plan"), ["y", "r"]);
    assert!(over(&[own]) && !over(&[own, r]) && !over(&[own, y]));
    assert!(made.buffers.iter().any(|buffer| buffer.kind == BufferKind::Bank));
}
