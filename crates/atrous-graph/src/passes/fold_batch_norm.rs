//! Folds a batch normalisation with given statistics into the convolution before it, which gets another filter and
//! bias.

use std::collections::HashMap;

use crate::op::BatchNorm;
use crate::{Graph, Layout, NodeId, Op, Shape};

use super::derived::{Normalisation, Recipe, given};
use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fold_batch_norm";

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // For each folded batch normalisation: its convolution.
    let mut folded: HashMap<NodeId, NodeId> = HashMap::new();
    for (id, node) in graph.iter() {
        if let Op::BatchNorm(norm) = node.op {
            let found = foldable(graph, &uses, node.inputs[0], &norm, &node.inputs[1..]);
            report.note(NAME, &node.name, found);
            if found.is_ok() {
                folded.insert(id, node.inputs[0]);
            }
        }
    }
    let absorbed: Vec<NodeId> = folded.values().copied().collect();
    let mut rewrite = Rewrite::new(graph);
    for (id, node) in graph.iter() {
        if let (Op::BatchNorm(norm), Some(conv)) = (&node.op, folded.get(&id)) {
            fold(graph, &mut rewrite, *conv, id, norm);
        } else if !absorbed.contains(&id) {
            rewrite.copy(id);
        }
    }
    rewrite.finish()
}

/// Whether a batch normalisation of `conv` can be folded into it.
fn foldable(
    graph: &Graph,
    uses: &Uses,
    conv: NodeId,
    norm: &BatchNorm,
    vectors: &[NodeId],
) -> Result<(), &'static str> {
    let node = graph.node(conv);
    if !matches!(node.op, Op::Conv2d(_) | Op::Conv2dGradInput(_)) {
        return Err("it does not follow a convolution");
    }
    if norm.batch {
        return Err("its statistics are those of the batch");
    }
    uses.only_user(conv)?;
    let all = node.inputs[1..].iter().chain(vectors);
    if all.into_iter().all(|id| given(graph, *id).is_some()) { Ok(()) } else { Err("a vector or filter is computed") }
}

fn fold(graph: &Graph, rewrite: &mut Rewrite<'_>, conv: NodeId, id: NodeId, norm: &BatchNorm) {
    let (node, vectors) = (graph.node(conv), &graph.node(id).inputs[1..]);
    let parameter = |id: NodeId| given(graph, id).expect("a parameter, as was looked at: a bug of atrous");
    let mut rest = vectors[2..].iter().copied().map(parameter);
    let by = Normalisation {
        eps: norm.eps,
        mean: parameter(vectors[0]),
        var: parameter(vectors[1]),
        scale: norm.scale.then(|| rest.next()).flatten(),
        shift: norm.shift.then(|| rest.next()).flatten(),
    };
    let transposed = if let Op::Conv2dGradInput(op) = &node.op { Some(op.conv.groups) } else { None };
    let filter = parameter(node.inputs[1]);
    let (shape, channels) = (filter.1.shape, Shape::channels(node.ty.shape.c));
    let bias = node.inputs.get(2).copied().map(parameter);
    let filter = Recipe::Filter { filter, transposed, by: by.clone() };
    let filter = rewrite.derive(&format!("{}.folded_filter", node.name), shape, Layout::Filter, filter);
    let bias = Recipe::Bias { bias, by };
    let bias = rewrite.derive(&format!("{}.folded_bias", node.name), channels, Layout::Image, bias);
    let x = rewrite.now(node.inputs[0]);
    rewrite.put(id, node.op, &[x, filter, bias]);
}
