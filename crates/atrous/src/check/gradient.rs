//! Compares the gradient of an operation with central differences of its reference, in f64.

use std::collections::HashMap;

use atrous_cpu::{Tensor, evaluate, run};
use atrous_graph::autodiff::{Recompute, backward_from};
use atrous_graph::{DType, Graph, GraphError, NodeId, Op};

use super::error::CheckError;
use super::values;

/// The step `h` of the central differences `(f(x + h) - f(x - h)) / 2h`. A power of two, so that steps from f32 values are exact.
const STEP: f64 = 1.0 / 16384.0;

/// Allowed deviation of a gradient from a difference, relative to the largest difference. The error of a central difference is a third
/// derivative times `h²/6`.
const RTOL: f64 = 1e-6;

/// Most differences computed for each input.
const MOST: usize = 64;

/// One operation, and its gradient if it has one.
pub(super) struct Differentiated {
    graph: Graph,
    y: NodeId,
    inputs: Vec<NodeId>,
    /// Values of the inputs and of the upstream gradient, by name.
    values: HashMap<String, Tensor>,
    /// The upstream gradient: the scalar that is differentiated is the sum of the result times these weights.
    weights: Tensor,
    /// For each input of floats its index and the node of its gradient, if there is one. `None` if the operation has no gradient.
    gradients: Option<Vec<(usize, Option<NodeId>)>>,
}

impl Differentiated {
    pub(super) fn new(
        mut graph: Graph,
        y: NodeId,
        inputs: &[NodeId],
        tensors: Vec<Tensor>,
    ) -> Result<Self, CheckError> {
        let ty = graph.node(y).ty;
        let weights = values::sequence(77).take(ty.shape.len()).map(|v| f64::from((2.0 * v - 1.0) as f32)).collect();
        let weights = Tensor { shape: ty.shape, data: weights };
        let mut values: HashMap<String, Tensor> =
            tensors.into_iter().enumerate().map(|(i, t)| (values::name(i), t)).collect();
        values.insert("dy".to_owned(), weights.clone());
        let gradients = gradients(&mut graph, y, inputs)?;
        Ok(Self { graph, y, inputs: inputs.to_vec(), values, weights, gradients })
    }

    pub(super) const fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(super) const fn has_gradient(&self) -> bool {
        self.gradients.is_some()
    }

    /// The node of the operation and those of custom operations in its gradient, each with the values of its inputs.
    pub(super) fn custom_nodes(&self) -> Result<Vec<(NodeId, Vec<Tensor>)>, CheckError> {
        let is_tried = |id: NodeId, op: &Op| id == self.y || (id > self.y && matches!(op, Op::Custom(_)));
        let tried = self.graph.iter().filter(|(id, node)| is_tried(*id, &node.op));
        tried.map(|(id, node)| Ok((id, run(&self.graph, &self.values, &node.inputs)?))).collect()
    }

    /// Compares the gradient with central differences.
    pub(super) fn compare(&self) -> Result<(), CheckError> {
        let tensors = run(&self.graph, &self.values, &self.inputs)?;
        for (input, gradient) in self.gradients.iter().flatten() {
            let got = match gradient {
                Some(gradient) => run(&self.graph, &self.values, &[*gradient])?.remove(0),
                None => Tensor::zeros(tensors[*input].shape),
            };
            self.compare_input(&tensors, *input, &got)?;
        }
        Ok(())
    }

    fn compare_input(&self, tensors: &[Tensor], input: usize, got: &Tensor) -> Result<(), CheckError> {
        let node = self.graph.node(self.y);
        let mut at = tensors.to_vec();
        let mut scalar = |i: usize, step: f64| {
            at[input].data[i] = tensors[input].data[i] + step;
            let result = evaluate(&node.op, &at.iter().collect::<Vec<_>>(), node.ty.shape);
            at[input].data[i] = tensors[input].data[i];
            result.data.iter().zip(&self.weights.data).map(|(y, w)| y * w).sum::<f64>()
        };
        let len = got.data.len();
        let differences: Vec<(usize, f64)> = (0..len)
            .step_by(len.div_ceil(MOST).max(1))
            .map(|i| (i, (scalar(i, STEP) - scalar(i, -STEP)) / (2.0 * STEP)))
            .collect();
        let allowed = RTOL * differences.iter().fold(1e-3_f64, |most, (_, d)| most.max(d.abs()));
        let off = |i: usize, want: f64| match (got.data[i] - want).abs() {
            off if off.is_nan() => f64::INFINITY,
            off => off,
        };
        let worst = differences.into_iter().max_by(|a, b| off(a.0, a.1).total_cmp(&off(b.0, b.1)));
        match worst.filter(|(i, want)| off(*i, *want) > allowed) {
            None => Ok(()),
            Some((i, want)) => {
                Err(CheckError::Gradient { op: node.op.name(), input, at: position(got, i), got: got.data[i], want })
            }
        }
    }
}

/// Appends the gradients with respect to all inputs of floats, for an upstream gradient of `y` that becomes the input `dy`. `None` if
/// the operation has no gradient.
#[expect(clippy::type_complexity, reason = "a list of pairs that may not be there")]
fn gradients(
    graph: &mut Graph,
    y: NodeId,
    inputs: &[NodeId],
) -> Result<Option<Vec<(usize, Option<NodeId>)>>, CheckError> {
    let is_float = |id: &NodeId| graph.node(*id).ty.dtype == DType::F32;
    let wrt: Vec<usize> = (0..inputs.len()).filter(|i| is_float(&inputs[*i])).collect();
    if wrt.is_empty() || !is_float(&y) {
        return Ok(None);
    }
    let plain = graph.clone();
    let dy = graph.input("dy", graph.shape(y), DType::F32)?;
    let nodes: Vec<NodeId> = wrt.iter().map(|i| inputs[*i]).collect();
    match backward_from(graph, &[(y, dy)], &nodes, &Recompute::Nothing) {
        Ok(gradients) => Ok(Some(wrt.into_iter().zip(gradients).collect())),
        Err(GraphError::Unsupported { .. }) => {
            *graph = plain;
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}

fn position(tensor: &Tensor, i: usize) -> [usize; 4] {
    let shape = tensor.shape;
    let (pixel, c) = (i / shape.c, i % shape.c);
    let (row, x) = (pixel / shape.w, pixel % shape.w);
    [row / shape.h, row % shape.h, x, c]
}
