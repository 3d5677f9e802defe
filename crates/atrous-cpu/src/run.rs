//! Evaluation of whole graphs.

use std::collections::HashMap;

use atrous_graph::{DType, Graph, Node, NodeId, Op, Shape};

use crate::{Tensor, evaluate};

/// Why a graph could not be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input or parameter has no value.
    #[error("{op} \"{node}\": no value was given")]
    Missing {
        /// `input` or `parameter`.
        op: &'static str,
        /// The name of the input or parameter.
        node: String,
    },
    /// A value has another shape than the graph's node.
    #[error("{op} \"{node}\": needs {want}, got {got}")]
    Shape {
        /// `input` or `parameter`.
        op: &'static str,
        /// The name of the input or parameter.
        node: String,
        /// The node's shape.
        want: Shape,
        /// The value's shape.
        got: Shape,
    },
    /// A tensor whose number of values contradicts its shape.
    #[error("{op} \"{node}\": {shape} needs {} values, got {got}", shape.len())]
    Length {
        /// `input` or `parameter`.
        op: &'static str,
        /// The name of the input or parameter.
        node: String,
        /// The value's shape.
        shape: Shape,
        /// Number of values.
        got: usize,
    },
    /// A u32 input has a value that is no u32.
    #[error("{op} \"{node}\": values must be whole numbers from 0 to 4294967295, got {got}")]
    NotU32 {
        /// `input`.
        op: &'static str,
        /// The name of the input or parameter.
        node: String,
        /// The first such value.
        got: f64,
    },
    /// A wanted node is not in the graph.
    #[error("node {id} was asked for, the graph has {count}")]
    UnknownNode {
        /// The id that the graph does not have.
        id: usize,
        /// The number of nodes.
        count: usize,
    },
}

/// Runs the part of `graph` that `wanted` depends on, one node at a time in f64, and returns the tensors of `wanted` in
/// that order. `values` has inputs and parameters by the names of their nodes. They are rounded first to f32 or f16,
/// the type of their node; intermediate results are not rounded. A tensor is dropped after its last use.
///
/// # Errors
/// If a value is missing or does not fit its node, or a wanted node does not exist. Values of other names are ignored.
pub fn run(graph: &Graph, values: &HashMap<String, Tensor>, wanted: &[NodeId]) -> Result<Vec<Tensor>, Error> {
    let nodes = graph.nodes();
    let mut uses = uses(nodes, wanted)?;
    let mut tensors: Vec<Option<Tensor>> = vec![None; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        if uses[i] == 0 {
            continue;
        }
        let tensor = if matches!(node.op, Op::Input | Op::Parameter) {
            source(node, values)?
        } else {
            let inputs: Option<Vec<&Tensor>> = node.inputs.iter().map(|id| tensors[id.0].as_ref()).collect();
            evaluate(&node.op, &inputs.expect("inputs precede their users and live as long"), node.ty.shape)
        };
        tensors[i] = Some(tensor);
        for input in &node.inputs {
            uses[input.0] -= 1;
            if uses[input.0] == 0 {
                tensors[input.0] = None;
            }
        }
    }
    Ok(wanted.iter().map(|id| tensors[id.0].clone().expect("wanted tensors are kept")).collect())
}

/// How often each node's tensor is needed, as an input of a needed node or in `wanted`; 0 for nodes that are not
/// needed.
fn uses(nodes: &[Node], wanted: &[NodeId]) -> Result<Vec<usize>, Error> {
    let mut uses = vec![0; nodes.len()];
    for id in wanted {
        *uses.get_mut(id.0).ok_or(Error::UnknownNode { id: id.0, count: nodes.len() })? += 1;
    }
    for (i, node) in nodes.iter().enumerate().rev() {
        if uses[i] > 0 {
            node.inputs.iter().for_each(|input| uses[input.0] += 1);
        }
    }
    Ok(uses)
}

/// The value of an input or parameter, checked and rounded.
fn source(node: &Node, values: &HashMap<String, Tensor>) -> Result<Tensor, Error> {
    let (op, name) = (node.op.name(), || node.name.clone());
    let value = values.get(&node.name).ok_or_else(|| Error::Missing { op, node: name() })?;
    if value.shape != node.ty.shape {
        return Err(Error::Shape { op, node: name(), want: node.ty.shape, got: value.shape });
    }
    if value.data.len() != value.shape.len() {
        return Err(Error::Length { op, node: name(), shape: value.shape, got: value.data.len() });
    }
    match node.ty.dtype {
        DType::F32 => Ok(value.rounded()),
        DType::F16 => Ok(value.rounded_to_f16()),
        DType::U32 => match value.data.iter().find(|v| f64::from(**v as u32) != **v) {
            Some(got) => Err(Error::NotU32 { op, node: name(), got: *got }),
            None => Ok(value.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{
        Binary, Broadcast, CrossEntropy, CrossEntropyGrad, Dropout, DropoutUnit, Fill, Gradient, Reduce, Slice, Unary,
    };

    use super::*;

    fn graph() -> (Graph, [NodeId; 4]) {
        let mut g = Graph::new();
        let x = g.input("x", Shape::channels(2), DType::F32).unwrap();
        let w = g.parameter("w", Shape::channels(2), atrous_graph::Layout::Image).unwrap();
        let product = g.add("product", Op::Binary(Binary::Mul), &[x, w]).unwrap();
        let square = g.add("square", Op::Binary(Binary::Mul), &[product, product]).unwrap();
        let y = g.add("relu", Op::Unary(Unary::Relu), &[square]).unwrap();
        (g, [x, product, square, y])
    }

    #[test]
    fn runs_what_is_wanted_from_inputs_rounded_to_f32() {
        let (g, [x, product, square, y]) = graph();
        let tenth = f64::from(0.1f32);
        let x_value = Tensor::new(Shape::channels(2), vec![0.1, -3.0]);
        let mut values = HashMap::from([("x".to_owned(), x_value)]);
        assert_eq!(run(&g, &values, &[x]).unwrap()[0].data, [tenth, -3.0]);
        values.insert("w".to_owned(), Tensor::channels(&[10.0, 2.0]));
        let results = run(&g, &values, &[y, product, y, square]).unwrap();
        assert_eq!(results[1].data, [tenth * 10.0, -6.0]);
        assert_eq!(results[0].data, [(tenth * 10.0).powi(2), 36.0]);
        assert_eq!((&results[2], &results[3]), (&results[0], &results[0]));
    }

    #[test]
    fn errors_name_the_node_and_both_values() {
        let (g, [x, .., y]) = graph();
        let text = |values: HashMap<String, Tensor>, wanted| run(&g, &values, &[wanted]).unwrap_err().to_string();
        let value = |t: Tensor| HashMap::from([("x".to_owned(), t)]);
        assert_eq!(text(HashMap::new(), x), "input \"x\": no value was given");
        assert_eq!(text(value(Tensor::channels(&[1.0, 2.0])), y), "parameter \"w\": no value was given");
        assert_eq!(text(value(Tensor::channels(&[1.0])), x), "input \"x\": needs 1×1×1×2, got 1×1×1×1");
        let short = Tensor { shape: Shape::channels(2), data: vec![1.0] };
        assert_eq!(text(value(short), x), "input \"x\": 1×1×1×2 needs 2 values, got 1");
        assert_eq!(text(HashMap::new(), NodeId(9)), "node 9 was asked for, the graph has 5");
    }

    #[test]
    fn maps_must_hold_whole_numbers() {
        let mut g = Graph::new();
        let labels = g.input("labels", Shape::new(1, 1, 2, 1), DType::U32).unwrap();
        let cut = Slice::crop(g.shape(labels), 0, 1, 1, 1);
        let right = g.add("right", Op::Slice(cut), &[labels]).unwrap();
        let of = |v: f64| HashMap::from([("labels".to_owned(), Tensor::new(Shape::new(1, 1, 2, 1), vec![0.0, v]))]);
        assert_eq!(run(&g, &of(4294967295.0), &[right]).unwrap()[0].data, [4294967295.0]);
        for bad in [0.5, -1.0, 4294967296.0, f64::NAN] {
            assert!(matches!(run(&g, &of(bad), &[right]), Err(Error::NotU32 { .. })), "{bad}");
        }
    }
    /// A loss and its gradient. Labels and the seed are u32 inputs; the gradient of the loss with respect to itself is
    /// a constant.
    #[test]
    fn losses_with_labels_a_seed_and_a_constant() {
        let (mut g, pixels) = (Graph::new(), Shape::new(1, 1, 2, 1));
        let logits = g.input("logits", Shape::new(1, 1, 2, 2), DType::F32).unwrap();
        let labels = g.input("labels", pixels, DType::U32).unwrap();
        let seed = g.input("seed", Shape::channels(1), DType::U32).unwrap();
        let drop = Op::Dropout(Dropout { rate: 0.0, stream: 1, unit: DropoutUnit::Element });
        let kept = g.add("dropout", drop, &[logits, seed]).unwrap();
        let entropy = CrossEntropy { ignore: Some(255), smoothing: 0.0 };
        let losses = g.add("losses", Op::CrossEntropy(entropy), &[kept, labels]).unwrap();
        let loss = g.add("loss", Op::Reduce(Reduce::SUM_NHW), &[losses]).unwrap();
        let one = g.add("one", Op::Fill(Fill { shape: Shape::channels(1), value: 1.0 }), &[]).unwrap();
        let each = g.add("each", Op::Broadcast(Broadcast { shape: pixels }), &[one]).unwrap();
        let back = g
            .add("back", Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(entropy))), &[kept, labels, each])
            .unwrap();
        let dx = g.add("dx", drop, &[back, seed]).unwrap();
        let values = HashMap::from([
            ("logits".to_owned(), Tensor::zeros(Shape::new(1, 1, 2, 2))),
            ("labels".to_owned(), Tensor::from_u32(pixels, &[1, 255])),
            ("seed".to_owned(), Tensor::from_u32(Shape::channels(1), &[7])),
        ]);
        let results = run(&g, &values, &[loss, dx]).unwrap();
        assert_eq!(results[0].data, [std::f64::consts::LN_2]);
        assert_eq!(results[1].data, [0.5, -0.5, 0.0, 0.0]);
        let seedless = HashMap::from([("logits".to_owned(), values["logits"].clone())]);
        assert_eq!(run(&g, &seedless, &[dx]).unwrap_err().to_string(), "input \"labels\": no value was given");
    }
}
