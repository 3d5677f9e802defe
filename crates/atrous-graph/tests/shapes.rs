//! Shape rules against PyTorch's and Keras' formulas, and the messages of errors.

use atrous_graph::op::*;
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

struct Case {
    graph: Graph,
    x: NodeId,
}

fn image(n: usize, h: usize, w: usize, c: usize) -> Case {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(n, h, w, c), DType::F32).unwrap();
    Case { graph, x }
}

impl Case {
    fn unary(&mut self, op: Op) -> Result<Shape, GraphError> {
        let id = self.graph.add("node", op, &[self.x])?;
        Ok(self.graph.shape(id))
    }

    fn conv(&mut self, conv: Conv2d, filter: [usize; 4]) -> Result<Shape, GraphError> {
        let [kh, kw, i, o] = filter;
        let w = self.graph.parameter("w", Shape::new(kh, kw, i, o), Layout::Filter).unwrap();
        let id = self.graph.add("backbone.3.dw", Op::Conv2d(conv), &[self.x, w])?;
        Ok(self.graph.shape(id))
    }
}

fn text<T: std::fmt::Debug>(result: Result<T, GraphError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn convolutions_have_pytorchs_sizes() {
    let base = Conv2d::default();
    let strided = Conv2d { stride: [2, 2], padding: Padding::symmetric(3, 3), ..base };
    assert_eq!(image(2, 224, 224, 3).conv(strided, [7, 7, 3, 64]).unwrap(), Shape::new(2, 112, 112, 64));
    let atrous = Conv2d { dilation: [36, 36], padding: Padding::symmetric(36, 36), ..base };
    assert_eq!(image(1, 33, 65, 8).conv(atrous, [3, 3, 8, 16]).unwrap(), Shape::new(1, 33, 65, 16));
    let depthwise = Conv2d { groups: 6, ..base };
    assert_eq!(image(1, 5, 5, 6).conv(depthwise, [1, 3, 1, 12]).unwrap(), Shape::new(1, 5, 3, 12));
}

#[test]
fn same_padding_is_tensorflows() {
    let same = |size, kernel, stride, dilation| {
        let p = Padding::same([size, size], [kernel, kernel], [stride, stride], [dilation, dilation]);
        (p.top, p.bottom)
    };
    assert_eq!(same(10, 3, 2, 1), (0, 1));
    assert_eq!(same(9, 3, 2, 1), (1, 1));
    assert_eq!(same(16, 7, 2, 1), (2, 3));
    assert_eq!(same(8, 4, 1, 1), (1, 2));
    assert_eq!(same(11, 3, 1, 2), (2, 2));
    assert_eq!(same(8, 1, 2, 1), (0, 0));
    assert_eq!(same(9, 2, 2, 1), (0, 1));
}

#[test]
fn convolutions_refuse_with_node_and_both_values() {
    let groups = Conv2d { groups: 64, ..Conv2d::default() };
    assert_eq!(
        text(image(1, 8, 8, 32).conv(groups, [3, 3, 1, 64])),
        "conv2d \"backbone.3.dw\": weight 3×3×1×64 with 64 groups needs 64 input channels, got 32"
    );
    assert_eq!(
        text(image(1, 4, 9, 3).conv(Conv2d { dilation: [2, 2], ..Conv2d::default() }, [3, 3, 3, 8])),
        "conv2d \"backbone.3.dw\": the kernel reaches over 5 rows, the padded image has 4"
    );
    let three = Conv2d { groups: 3, ..Conv2d::default() };
    assert!(
        text(image(1, 4, 4, 6).conv(three, [1, 1, 2, 8])).contains("8 output channels cannot be split into 3 groups")
    );
    let zero = Conv2d { stride: [0, 1], ..Conv2d::default() };
    assert!(text(image(1, 4, 4, 3).conv(zero, [1, 1, 3, 8])).contains("must be at least 1"));
}

#[test]
fn biases_and_layouts_are_checked() {
    let mut case = image(1, 4, 4, 3);
    let w = case.graph.parameter("w", Shape::new(1, 1, 3, 8), Layout::Filter).unwrap();
    let b = case.graph.parameter("b", Shape::channels(7), Layout::Image).unwrap();
    let conv = Op::Conv2d(Conv2d::default());
    assert!(text(case.graph.add("c", conv, &[case.x, w, b])).contains("the bias must be 1×1×1×8, got 1×1×1×7"));
    assert!(text(case.graph.add("c", conv, &[case.x, b])).contains("must lie in memory as Filter"));
    assert!(text(case.graph.add("c", conv, &[case.x])).contains("needs at least 2 inputs, got 1"));
    assert!(text(case.graph.parameter("w", Shape::channels(1), Layout::Image)).contains("the name is taken"));
}

#[test]
fn transposed_convolutions_have_pytorchs_and_keras_sizes() {
    let size = |stride: usize, pad, output_padding, dilation, k, n| {
        let conv = Conv2d {
            stride: [stride; 2],
            padding: Padding::symmetric(pad, pad),
            dilation: [dilation; 2],
            ..Conv2d::default()
        };
        Conv2dGradInput::transposed(conv, [n, n], [k, k], [output_padding; 2]).map(|g| g.h)
    };
    assert_eq!(size(2, 1, 1, 1, 3, 6), Ok(12));
    assert_eq!(size(8, 4, 0, 1, 16, 4), Ok(32));
    assert_eq!(size(2, 2, 1, 2, 3, 5), Ok(10));
    assert!(size(2, 0, 2, 1, 3, 5).unwrap_err().contains("output padding 2 must be smaller than stride 2"));
    assert!(size(1, 3, 0, 1, 3, 2).unwrap_err().contains("takes all of the 4 rows"));
    let same = Conv2dGradInput::transposed_same([2, 2], [5, 7], [3, 3]);
    assert_eq!((same.h, same.w, same.conv.padding.top), (10, 14, 0));
}

#[test]
fn pooling_has_pytorchs_sizes() {
    let window = |kernel: usize, stride: usize, pad: usize, ceil_mode| Window {
        padding: Padding::symmetric(pad, pad),
        ceil_mode,
        ..Window::new([kernel; 2], [stride; 2])
    };
    let size = |w: Window, h, ww| image(1, h, ww, 4).unary(Op::MaxPool(MaxPool { window: w })).map(|s| (s.h, s.w));
    assert_eq!(size(window(3, 2, 1, false), 11, 12).unwrap(), (6, 6));
    assert_eq!(size(window(3, 2, 0, true), 12, 14).unwrap(), (6, 7));
    assert_eq!(size(window(3, 2, 1, true), 10, 11).unwrap(), (6, 6));
    assert_eq!(size(window(2, 2, 0, true), 5, 4).unwrap(), (3, 2));
    // A last window that would start in the padding below is dropped.
    assert_eq!(size(window(2, 2, 1, true), 3, 3).unwrap(), (2, 2));
    assert!(
        text(size(window(5, 1, 0, false), 4, 9)).contains("the window reaches over 5 rows, the padded image has 4")
    );
    assert!(text(size(window(2, 1, 2, false), 4, 4)).contains("the window at output row 0 covers padding only"));
}

#[test]
fn average_and_channel_pooling_are_checked() {
    let dilated = Window { dilation: [2, 1], ..Window::new([2, 2], [1, 1]) };
    let avg = AvgPool { window: dilated, count_include_pad: true, divisor: None };
    assert!(text(image(1, 9, 9, 4).unary(Op::AvgPool(avg))).contains("average pooling has no dilation"));
    let zero = AvgPool { window: Window::new([2, 2], [2, 2]), count_include_pad: true, divisor: Some(0) };
    assert!(text(image(1, 9, 9, 4).unary(Op::AvgPool(zero))).contains("must not be zero"));
    let pool = |window, stride| Op::ChannelMaxPool(ChannelMaxPool { window, stride });
    assert_eq!(image(1, 2, 2, 12).unary(pool(4, 4)).unwrap().c, 3);
    assert!(text(image(1, 2, 2, 3).unary(pool(4, 4))).contains("4 channels does not fit into 3"));
}

#[test]
fn broadcasting_concat_slices_and_pads() {
    let mut case = image(2, 4, 5, 6);
    let s = case.graph.input("s", Shape::new(2, 1, 1, 6), DType::F32).unwrap();
    let t = case.graph.input("t", Shape::new(3, 1, 1, 6), DType::F32).unwrap();
    let mul = case.graph.add("m", Op::Binary(Binary::Mul), &[s, case.x]).unwrap();
    assert_eq!(case.graph.shape(mul), Shape::new(2, 4, 5, 6));
    let failed = text(case.graph.add("m", Op::Binary(Binary::Add), &[case.x, t]));
    assert_eq!(failed, "add \"m\": 2×4×5×6 and 3×1×1×6 do not broadcast: 2 against 3 in N");
    let cat = case.graph.add("c", Op::Concat, &[case.x, mul, case.x]).unwrap();
    assert_eq!(case.graph.shape(cat).c, 18);
    assert!(text(case.graph.add("c", Op::Concat, &[case.x, s])).contains("only channels may differ"));
    let x = case.graph.shape(case.x);
    assert!(text(case.unary(Op::Slice(Slice::crop(x, 2, 0, 3, 5)))).contains("3 rows from 2 lie outside of the 4"));
    let pad = Pad { padding: Padding::symmetric(4, 0), mode: PadMode::Reflect };
    assert!(text(case.unary(Op::Pad(pad))).contains("needs more pixels than the 4×5 there are"));
    assert!(
        text(case.unary(Op::Dropout(Dropout { rate: 1.0, stream: 0, unit: DropoutUnit::Element }))).contains("0..1")
    );
}

#[test]
fn class_maps_are_u32_and_only_move() {
    let mut case = image(1, 3, 3, 21);
    let map = case.graph.add("map", Op::ArgMax, &[case.x]).unwrap();
    assert_eq!(case.graph.node(map).ty.dtype, DType::U32);
    assert!(text(case.graph.add("r", Op::Unary(Unary::Relu), &[map])).contains("input 0 must be f32, got u32"));
    assert!(case.graph.add("f", Op::Flip(Flip { vertical: true, horizontal: false }), &[map]).is_ok());
}

#[test]
fn names_repeat_with_a_number_and_unknown_ones_list_neighbours() {
    let mut case = image(1, 3, 3, 4);
    let relu = Op::Unary(Unary::Relu);
    case.graph.add("layer1.relu", relu, &[case.x]).unwrap();
    let second = case.graph.add("layer1.relu", relu, &[case.x]).unwrap();
    case.graph.label("layer1", second);
    assert_eq!(case.graph.find("layer1.relu#1").unwrap(), second);
    assert_eq!(case.graph.find("layer1").unwrap(), second);
    assert!(case.graph.find("layer1.rel").unwrap_err().to_string().contains("similar names: layer1.relu"));
}

#[test]
fn printed_forms_show_every_node() {
    let mut case = image(1, 8, 8, 3);
    case.conv(Conv2d { stride: [2, 1], ..Conv2d::default() }, [3, 3, 3, 8]).unwrap();
    let id = case.graph.find("backbone.3.dw").unwrap();
    case.graph.set_outputs(vec![id]);
    let printed = case.graph.to_string();
    assert!(printed.contains("%2 backbone.3.dw = conv2d(%0, %1) stride [2, 1]"), "{printed}");
    assert!(printed.ends_with("return %2\n"));
    let dot = case.graph.to_dot();
    assert!(dot.contains("n0 -> n2;") && dot.contains("backbone.3.dw\\nconv2d"), "{dot}");
}

#[test]
fn macs_count_each_use_of_a_weight() {
    let mut case = image(1, 56, 56, 64);
    case.conv(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() }, [3, 3, 64, 64]).unwrap();
    assert_eq!(atrous_graph::cost::macs(&case.graph, NodeId(2)), 56 * 56 * 64 * 9 * 64);
}

#[test]
fn absurd_sizes_are_refused_without_overflow() {
    let mut graph = Graph::new();
    for shape in [Shape::new(usize::MAX, 3, 3, 3), Shape::new(1 << 20, 1 << 20, 1 << 20, 1), Shape::new(1, 0, 3, 3)] {
        assert!(graph.input("x", shape, DType::F32).is_err(), "{shape}");
        assert!(graph.parameter("w", shape, Layout::Filter).is_err(), "{shape}");
    }
    let mut case = image(1, 4, 4, 3);
    let huge = Op::Resize(Resize::nearest(1 << 30, 1 << 30));
    assert!(text(case.unary(huge)).contains("elements"));
    let padding = Padding::symmetric(usize::MAX, 1);
    assert!(text(case.unary(Op::Pad(Pad { padding, mode: PadMode::Constant(0.0) }))).contains("at most 1048576"));
    let window = Window { padding, ..Window::new([2, 2], [2, 2]) };
    assert!(text(case.unary(Op::MaxPool(MaxPool { window }))).contains("at most 1048576"));
    assert!(
        text(case.unary(Op::MaxPool(MaxPool { window: Window::new([usize::MAX, 1], [1, 1]) })))
            .contains("at most 1048576 taps")
    );
    let conv = Conv2d { dilation: [usize::MAX, 1], ..Conv2d::default() };
    assert!(text(case.conv(conv, [3, 3, 3, 8])).contains("at most 1048576, got"));
}
