//! Filters that are larger than a binding: each row is a hazard for cutting them, forward and in both gradients, against the reference.

use atrous_graph::op::{Conv2d, Conv2dGradInput, Padding, Unary};
use atrous_graph::passes::{PassOptions, optimize};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape, TensorType};
use atrous_kernels::plan::{place_parameters, plan};
use atrous_kernels::{Limits, PlanError, Target};
use atrous_tests::{Case, checked, stored};

use crate::conv::{BASE, Row};
use crate::conv_grad::{input, weight};
use crate::fused::fused;

fn row(c: usize, cout: usize, groups: usize) -> Row {
    Row { image: [2, 5, 4, c], cout, conv: Conv2d { groups, ..BASE.conv }, ..BASE }
}

fn rows() -> Vec<Row> {
    let dense = Row { image: [3, 4, 5, 6], kernel: [4, 5], conv: Conv2d::default(), ..row(6, 44, 1) };
    let strided = Conv2d {
        stride: [2, 3],
        dilation: [1, 2],
        padding: Padding { top: 1, bottom: 0, left: 2, right: 1 },
        groups: 1,
    };
    vec![
        row(5, 37, 1),
        row(21, 64, 1),
        Row { bias: false, ..row(8, 22, 1) },
        Row { conv: strided, ..row(7, 26, 1) },
        // A dense layer, over a map and over a pixel.
        dense,
        Row { image: [3, 1, 1, 130], cout: 50, kernel: [1, 1], conv: Conv2d::default(), ..BASE },
        // Groups: pieces of whole ones, several pieces of one, and pieces in which groups begin and end.
        row(16, 64, 8),
        row(10, 64, 2),
        row(9, 60, 3),
        row(6, 66, 2),
        // Depthwise, with several outputs per channel, too.
        row(37, 37, 37),
        row(11, 33, 11),
    ]
}

fn transposed() -> Vec<Case> {
    let case = |(groups, c, channels, stride, bias): (usize, usize, usize, usize, bool)| {
        let conv = Conv2d { stride: [stride, stride], groups, ..Conv2d::default() };
        let op = Conv2dGradInput::transposed(conv, [4, 3], [3, 2], [0, 0]).expect("a legal size");
        let filter = TensorType::filter(Shape::new(3, 2, channels / groups, c));
        let bias = bias.then_some(TensorType::image(Shape::channels(channels)));
        let inputs = [TensorType::image(Shape::new(2, 4, 3, c)), filter].into_iter().chain(bias).collect();
        Case { op: Op::Conv2dGradInput(op), inputs }
    };
    [(1, 37, 10, 2, true), (1, 24, 6, 1, false), (3, 30, 9, 2, true), (5, 20, 5, 3, true)].map(case).to_vec()
}

fn fusions() -> Vec<Case> {
    let plain: Vec<Case> = rows().iter().map(Row::case).chain(transposed()).collect();
    let all = |case: &Case| fused(case, None, true, Some(Unary::HardSigmoid));
    let depthwise = fused(&row(37, 37, 37).case(), Some(Unary::HardSwish), true, None);
    plain.iter().map(all).chain([depthwise]).collect()
}

/// A filter of a case: what it reads, or what it makes.
fn filter(case: &Case) -> TensorType {
    let made = case.op.infer(&case.inputs).expect("a legal case");
    case.inputs.iter().copied().chain([made]).find(|ty| ty.layout == Layout::Filter).expect("a filter")
}

/// The device's target with bindings that hold a third of a case's filter.
fn tight(target: &Target, case: &Case) -> Target {
    let ty = filter(case);
    let bytes = ty.bytes().div_ceil(3).max(ty.channels(&(0..4)).bytes());
    let limits = Limits { max_binding: bytes.max(1024).next_multiple_of(4), ..target.limits };
    Target { limits, ..target.clone() }
}

#[test]
fn forward_and_both_gradients_are_those_of_the_whole_filter() {
    let device = checked();
    let rows = rows();
    let plain = rows.iter().flat_map(|row| [row.case(), weight(row), input(row)]).chain(transposed());
    // In f16 those that say all of one rewrite: several pieces, groups of them, and everything fused.
    let in_f16 = [weight(&rows[0]), input(&rows[1]), input(&rows[7])].into_iter().chain(fusions());
    let cases: Vec<Case> = plain.chain(stored(in_f16, &device.target())).collect();
    let cut = |case: &Case| case.expect().check_cut(&device, &tight(&device.target(), case));
    let pieces: Vec<usize> = cases.iter().map(cut).collect();
    let several = pieces.iter().filter(|pieces| **pieces > 1).count();
    assert!(5 * several > 4 * cases.len(), "{several} of {} cases are cut: {pieces:?}", cases.len());
}

/// `y = conv(x, w)` with `cout` channels of 3×3×64 weights.
fn network(cout: usize) -> Result<(Graph, NodeId), GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 4, 4, 64), DType::F32)?;
    let w = graph.parameter("body.conv.weight", Shape::new(3, 3, 64, cout), Layout::Filter)?;
    let y = graph.add("body.conv", Op::Conv2d(Conv2d::default()), &[x, w])?;
    Ok((graph, y))
}

#[test]
fn a_cut_filter_keeps_its_name_and_fills_no_binding() {
    let (graph, y) = network(70).expect("a legal graph");
    let limits = Limits { max_binding: 64 << 10, ..Limits::WEBGPU };
    let cut = optimize(&graph, &[y], PassOptions::default()).cut_filters(limits.max_parameter());
    let plan = plan(&cut.graph, &cut.now(&[y]), &Target::new(limits, false)).expect("a plan");
    let placement = place_parameters(&graph, &limits).expect("a placement");
    assert_eq!(plan.parameters, placement);
    let pieces = &placement.places["body.conv.weight"];
    let firsts: Vec<usize> = pieces.iter().map(|piece| piece.first).collect();
    assert_eq!(firsts, [0, 24, 48]);
    assert_eq!(plan.parameter_bytes(), graph.parameters().map(|(_, node)| node.ty.bytes()).sum::<u64>());
    assert_eq!(cut.graph.node(cut.now(&[y])[0]).name, "body.conv");
    assert_eq!(cut.report.count("cut_filters"), 1);
    assert!(plan.steps.iter().all(|step| step.op != "slice"), "pieces are not copied:\n{plan}");
    assert!(plan.to_string().contains("body.conv[24..48]"), "{plan}");
}

#[test]
fn what_cannot_be_cut_is_refused_with_its_name_its_bytes_and_the_limit() {
    let (mut graph, y) = network(70).expect("a legal graph");
    let small = Limits { max_binding: 9_000, ..Limits::WEBGPU };
    let refused = place_parameters(&graph, &small).expect_err("four channels take 9,216 bytes").to_string();
    for part in ["body.conv.weight", "165888", "9216", "9000"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    let cut = optimize(&graph, &[y], PassOptions::None).cut_filters(small.max_parameter());
    assert!(cut.pieces.is_empty());
    assert!(plan(&cut.graph, &cut.now(&[y]), &Target::new(small, false)).is_err());

    // Asked for as a whole, or planned without being cut.
    let limits = Limits { max_binding: 64 << 10, ..Limits::WEBGPU };
    let target = Target::new(limits, false);
    let w = graph.find("body.conv.weight").expect("the filter");
    let cut = optimize(&graph, &[y, w], PassOptions::None).cut_filters(limits.max_parameter());
    for refused in [plan(&cut.graph, &cut.now(&[w]), &target), plan(&graph, &[y], &target)] {
        let PlanError::Node { node, source, .. } = refused.expect_err("no place as a whole") else { panic!("no node") };
        assert_eq!(
            (node.as_str(), *source),
            ("body.conv.weight", PlanError::Limit { what: "bytes in one binding", needs: 165_888, limit: 64 << 10 })
        );
    }
    let vector = graph.parameter("vector", Shape::channels(20_000), Layout::Image).expect("a parameter");
    let refused = place_parameters(&graph, &limits).expect_err("80,000 bytes of a vector").to_string();
    assert!(refused.contains("vector") && refused.contains("80000"), "{refused}");
    assert_eq!(graph.node(vector).ty.bytes(), 80_000);
}
