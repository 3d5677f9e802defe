//! Custom operations in graphs.

use atrous_graph::autodiff::{Backward, Recompute, backward};
use atrous_graph::op::{Binary, Conv2d, CustomKernel, CustomOp, Unary, Values};
use atrous_graph::passes::{PassOptions, Precision, Storage, optimize};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape, TensorType, cost};

/// What the gradient of a [`Cube`] returns.
#[derive(Clone, Copy, Debug)]
enum Gradient {
    Right,
    FromResult,
    None,
    Missing,
    TwoOfOne,
    WrongType,
    Foreign,
}

/// The third power.
#[derive(Debug)]
struct Cube {
    gradient: Gradient,
    half: bool,
}

const CUBE: Cube = Cube { gradient: Gradient::Right, half: false };

impl CustomOp for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        result.iter_mut().zip(inputs[0].data).for_each(|(y, x)| *y = x.powi(3));
    }

    fn kernel(&self, _: &[TensorType], _: TensorType) -> Result<CustomKernel, String> {
        Err("nothing is run here".to_owned())
    }

    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let dy = backward.dy();
        assert!(backward.wants(0) && !backward.wants(1));
        match self.gradient {
            Gradient::Right => {
                let x = backward.input(0)?;
                let square = backward.add("square", Op::Unary(Unary::Square), &[x])?;
                let product = backward.add("product", Op::Binary(Binary::Mul), &[square, dy])?;
                let scale = Op::Unary(Unary::Affine { scale: 3.0, shift: 0.0 });
                Ok(vec![Some(backward.add("grad", scale, &[product])?)])
            }
            Gradient::FromResult => {
                let y = backward.output()?;
                Ok(vec![Some(backward.add("grad", Op::Binary(Binary::Mul), &[y, dy])?)])
            }
            Gradient::None => Ok(vec![None]),
            Gradient::Missing => Err(backward.unsupported()),
            Gradient::TwoOfOne => Ok(vec![Some(dy), Some(dy)]),
            Gradient::WrongType => Ok(vec![Some(backward.add("sum", Op::ChannelSum, &[dy])?)]),
            Gradient::Foreign => backward.input(4).map(|x| vec![Some(x)]),
        }
    }

    fn macs(&self, inputs: &[TensorType], _: TensorType) -> u64 {
        2 * inputs[0].shape.len() as u64
    }

    fn stores_f16(&self, _: usize) -> bool {
        self.half
    }
}

/// An operation of an image and a map. If `wrong`, its shape rule returns f16.
#[derive(Debug)]
struct Pick {
    wrong: bool,
}

impl CustomOp for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let dtype = if self.wrong { DType::F16 } else { DType::F32 };
        match inputs[0].shape.c {
            5.. => Err(format!("up to 4 channels, got {}", inputs[0].shape.c)),
            _ => Ok(TensorType { dtype, ..inputs[0] }),
        }
    }

    fn reference(&self, _: &[Values<'_>], _: &mut [f64]) {}

    fn kernel(&self, _: &[TensorType], _: TensorType) -> Result<CustomKernel, String> {
        Err("nothing is run here".to_owned())
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}

const IMAGE: Shape = Shape::new(2, 3, 4, 5);

fn graph() -> (Graph, NodeId) {
    let mut graph = Graph::new();
    let x = graph.input("x", IMAGE, DType::F32).unwrap();
    (graph, x)
}

#[test]
fn its_shape_rule_is_kept_and_named() {
    let (mut graph, x) = graph();
    let narrow = graph.input("narrow", Shape { c: 4, ..IMAGE }, DType::F32).unwrap();
    let map = graph.input("map", Shape { c: 1, ..IMAGE }, DType::U32).unwrap();
    let cube = graph.add("cube", Op::custom(CUBE), &[x]).unwrap();
    assert_eq!(graph.node(cube).ty, graph.node(x).ty);
    let picked = graph.add("picked", Op::custom(Pick { wrong: false }), &[narrow, map]).unwrap();
    assert_eq!(graph.node(picked).ty, TensorType::image(Shape { c: 4, ..IMAGE }));
    let mut error = |op: Op, inputs: &[NodeId]| graph.add("bad", op, inputs).unwrap_err().to_string();
    assert_eq!(error(Op::custom(CUBE), &[x, x]), "cube \"bad\": needs 1 inputs, got 2");
    assert_eq!(error(Op::custom(CUBE), &[map]), "cube \"bad\": input 0 must be f32, got u32");
    let pick = || Op::custom(Pick { wrong: false });
    assert_eq!(error(pick(), &[narrow, narrow]), "pick \"bad\": input 1 must be u32, got f32");
    assert_eq!(error(pick(), &[x, map]), "pick \"bad\": up to 4 channels, got 5");
    let half = error(Op::custom(Pick { wrong: true }), &[narrow, map]);
    assert!(half.starts_with("pick \"bad\": its shape rule says 2×3×4×4 f16"), "{half}");
}

#[test]
fn it_is_printed_counted_and_compared_by_its_attributes() {
    let (mut graph, x) = graph();
    let y = graph.add("y", Op::custom(CUBE), &[x]).unwrap();
    assert!(
        graph.to_string().contains("%1 y = cube(%0) Cube { gradient: Right, half: false } -> 2×3×4×5 f32"),
        "{graph}"
    );
    assert_eq!(cost::macs(&graph, y), 240);
    let op = &graph.node(y).op;
    assert_eq!(*op, op.clone());
    assert_eq!(*op, Op::custom(CUBE));
    assert_ne!(*op, Op::custom(Cube { half: true, ..CUBE }));
    assert_ne!(Op::custom(Pick { wrong: false }), *op);
}

/// The gradient of a cube, or the error.
fn gradient(gradient: Gradient) -> Result<(Graph, Option<NodeId>), GraphError> {
    let (mut graph, x) = graph();
    let y = graph.add("y", Op::custom(Cube { gradient, ..CUBE }), &[x])?;
    let gradients = backward(&mut graph, &[(y, 1.0)], &[x], &Recompute::Nothing)?;
    Ok((graph, gradients[0]))
}

#[test]
fn its_gradient_is_part_of_the_graph_or_refused() {
    let (graph, found) = gradient(Gradient::Right).unwrap();
    assert_eq!(graph.find("x.grad").ok(), found);
    assert_eq!(graph.node(found.unwrap()).name, "y.grad");
    assert_eq!(gradient(Gradient::None).unwrap().1, None);
    let error = |wrong| gradient(wrong).unwrap_err().to_string();
    assert_eq!(error(Gradient::Missing), "cube \"y\": its gradient is not supported");
    assert_eq!(error(Gradient::TwoOfOne), "cube \"y\": its gradient gives 2 results for 1 inputs");
    let text = "cube \"y\": the gradient of input 0, which is 2×3×4×5 f32, is 2×3×4×1 f32";
    assert_eq!(error(Gradient::WrongType), text);
    assert_eq!(error(Gradient::Foreign), "cube \"y\": its gradient asks for input 4 of 1");
}

#[test]
fn what_its_gradient_reads_is_computed_again_as_all_else() {
    for (kind, again) in [(Gradient::Right, "relu.again"), (Gradient::FromResult, "y.again")] {
        let (mut graph, x) = graph();
        let relu = graph.add("relu", Op::Unary(Unary::Relu), &[x]).unwrap();
        let y = graph.add("y", Op::custom(Cube { gradient: kind, ..CUBE }), &[relu]).unwrap();
        let loss = graph.add("loss", Op::ChannelSum, &[y]).unwrap();
        backward(&mut graph, &[(loss, 1.0)], &[x], &Recompute::Segments(1)).unwrap();
        let node = graph.node(graph.find(again).unwrap());
        assert_eq!(node.op.name(), if again == "relu.again" { "relu" } else { "cube" });
    }
}

#[test]
fn passes_leave_it_and_drop_it_where_nothing_reads_it() {
    let (mut graph, x) = graph();
    let unread = graph.add("unread", Op::custom(CUBE), &[x]).unwrap();
    let y = graph.add("y", Op::custom(CUBE), &[x]).unwrap();
    let relu = graph.add("relu", Op::Unary(Unary::Relu), &[y]).unwrap();
    let optimized = optimize(&graph, &[relu], PassOptions::Fold);
    assert_eq!(optimized.nodes[unread.0], None);
    let names: Vec<&str> = optimized.graph.nodes().iter().map(|n| n.op.name()).collect();
    assert_eq!(names, ["input", "cube", "relu"]);
}

/// Names of the operations of convolution, cube, convolution in f16. `half` is whether the cube can read f16.
fn in_f16(half: bool) -> Vec<&'static str> {
    let (mut graph, x) = graph();
    let filter = |graph: &mut Graph, name| graph.parameter(name, Shape::new(1, 1, 5, 5), Layout::Filter).unwrap();
    let (a, b) = (filter(&mut graph, "a"), filter(&mut graph, "b"));
    let y = graph.add("first", Op::Conv2d(Conv2d::default()), &[x, a]).unwrap();
    let y = graph.add("cube", Op::custom(Cube { half, ..CUBE }), &[y]).unwrap();
    let y = graph.add("second", Op::Conv2d(Conv2d::default()), &[y, b]).unwrap();
    let folded = Storage { filters: true, ..Storage::default() };
    let stored = optimize(&graph, &[y], PassOptions::Fold).stored(&[y], Precision::F16, &folded);
    let computed = stored.graph.nodes().iter().filter(|n| !matches!(n.op, Op::Input | Op::Parameter));
    computed.map(|n| n.op.name()).collect()
}

#[test]
fn it_stays_f32_between_casts_unless_it_says_otherwise() {
    assert_eq!(in_f16(false), ["cast", "conv2d", "cast", "cube", "cast", "conv2d", "cast"]);
    assert_eq!(in_f16(true), ["cast", "conv2d", "cube", "conv2d", "cast"]);
}
