//! Appending one graph to another: names, inputs, labels and errors.

use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

const VECTOR: Shape = Shape::new(2, 1, 1, 4);

/// A graph of `y = relu(x * w)`, with the label `result` for `y`. Returns the graph, `x` and `y`.
fn scaled() -> Result<(Graph, NodeId, NodeId), GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", VECTOR, DType::F32)?;
    let w = graph.parameter("w", Shape::channels(4), Layout::Image)?;
    let product = graph.add("product", Op::Binary(Binary::Mul), &[x, w])?;
    let y = graph.add("y", Op::Unary(Unary::Relu), &[product])?;
    graph.label("result", y);
    graph.set_outputs(vec![y]);
    Ok((graph, x, y))
}

#[test]
fn a_graph_is_copied_under_a_prefix() {
    let (other, x, y) = scaled().unwrap();
    let (mut graph, _, before) = scaled().unwrap();
    let nodes = graph.append(&other, "second", &[(x, before)]).unwrap();
    assert_eq!(nodes.len(), other.nodes().len());
    let last = graph.node(nodes[y.0]).clone();
    assert_eq!((last.name.as_str(), last.op, last.ty), ("second.y", other.node(y).op, other.node(y).ty));
    assert_eq!(graph.find("second.result"), Ok(nodes[y.0]));
    assert_eq!(graph.node(last.inputs[0]).inputs, [before, nodes[1]]);
    assert_eq!(graph.node(nodes[1]).name, "second.w");
    assert!(graph.find("second.x").is_err(), "the input is the first graph's result");
    assert_eq!(graph.outputs(), [before]);
    assert_eq!((graph.inputs().count(), graph.parameters().count()), (1, 2));
}

#[test]
fn inputs_that_nothing_is_given_for_stay_inputs() {
    let (other, ..) = scaled().unwrap();
    let mut graph = Graph::new();
    graph.append(&other, "", &[]).unwrap();
    assert_eq!(graph.nodes(), other.nodes());
    graph.append(&other, "again", &[]).unwrap();
    let inputs: Vec<&str> = graph.inputs().map(|(_, node)| node.name.as_str()).collect();
    assert_eq!(inputs, ["x", "again.x"]);
}

#[test]
fn what_does_not_fit_is_refused_and_adds_nothing() {
    let (other, x, y) = scaled().unwrap();
    let mut graph = Graph::new();
    let image = graph.input("image", VECTOR, DType::F32).unwrap();
    let labels = graph.input("labels", VECTOR, DType::U32).unwrap();
    let wide = graph.input("wide", Shape::channels(5), DType::F32).unwrap();
    graph.label("taken.result", image);
    let before = graph.nodes().to_vec();
    type Case<'a> = (&'a str, &'a [(NodeId, NodeId)], &'a str);
    let cases: [Case<'_>; 7] = [
        ("p", &[(y, image)], "append \"p\": %3 is not an input of the other graph"),
        ("p", &[(NodeId(9), image)], "append \"p\": %9 is not an input of the other graph"),
        ("p", &[(x, NodeId(9))], "append \"x\": it is to be %9, which this graph does not have"),
        ("p", &[(x, image), (x, image)], "append \"x\": it is given twice"),
        ("p", &[(x, labels)], "append \"x\": it is 2×1×1×4 f32, \"labels\" is 2×1×1×4 u32"),
        ("p", &[(x, wide)], "append \"x\": it is 2×1×1×4 f32, \"wide\" is 1×1×1×5 f32"),
        ("taken", &[(x, image)], "append \"taken.result\": the name is taken"),
    ];
    for (prefix, inputs, wanted) in cases {
        assert_eq!(graph.append(&other, prefix, inputs).unwrap_err().to_string(), wanted);
        assert_eq!(graph.nodes(), before);
    }
}

/// A graph of two nodes, its input, and a node of another graph, which has four.
fn foreign() -> (Graph, NodeId, NodeId) {
    let (_, _, foreign) = scaled().unwrap();
    let mut graph = Graph::new();
    let x = graph.input("x", VECTOR, DType::F32).unwrap();
    graph.add("y", Op::Unary(Unary::Relu), &[x]).unwrap();
    (graph, x, foreign)
}

#[test]
fn nodes_of_another_graph_are_refused() {
    let (mut graph, x, foreign) = foreign();
    let error = graph.add("sum", Op::Binary(Binary::Add), &[x, foreign]).unwrap_err().to_string();
    let text = "add \"sum\": node %3 is not of this graph, which has 2: it comes from another graph or builder";
    assert_eq!(error, text);
}

#[test]
#[should_panic(expected = "node %3 is not of this graph, which has 2: it comes from another graph or builder")]
fn nodes_of_another_graph_have_no_shape_in_this() {
    let (graph, _, foreign) = foreign();
    graph.shape(foreign);
}
