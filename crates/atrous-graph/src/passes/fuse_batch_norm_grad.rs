//! Fuses the gradient of an activation into both operations of the gradient of the batch normalisation before it, so
//! that the gradient in between is not stored.

use std::collections::{HashMap, HashSet};

use crate::op::{Fused, FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums, Gradient, UnaryGrad};
use crate::{Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_batch_norm_grad";

/// An activation's gradient that is fused, and the batch normalisation before the activation.
struct Masked {
    /// The gradient of the activation's result.
    dy: NodeId,
    /// The inputs of the fused forward operation: `x`, `mean`, `var`, `scale`, `shift`.
    forward: Vec<NodeId>,
    grad: FusedBatchNormGrad,
}

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // By the node of the activation's gradient.
    let mut masked: HashMap<NodeId, Masked> = HashMap::new();
    let mut readers: HashSet<NodeId> = HashSet::new();
    for (id, node) in graph.iter() {
        if let Op::Gradient(Gradient::Unary(_)) = node.op {
            let found = absorbable(graph, &uses, id, node);
            report.note(NAME, &node.name, found.as_ref().map(|_| ()).map_err(|reason| *reason));
            if let Ok(found) = found {
                readers.extend(uses.users(id));
                masked.insert(id, found);
            }
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, node) in graph.iter() {
        if masked.contains_key(&id) {
            continue;
        }
        if !readers.contains(&id) {
            rewrite.copy(id);
            continue;
        }
        let Masked { dy, forward, grad } = &masked[&node.inputs[1]];
        let mut inputs = vec![forward[0], *dy];
        inputs.extend(&forward[1..]);
        let op = if let Op::Gradient(Gradient::BatchNorm(plain)) = node.op {
            inputs.extend(node.inputs.last().filter(|_| plain.batch));
            Fused::BatchNormGrad(*grad)
        } else {
            Fused::BatchNormGradSums(FusedBatchNormGradSums(*grad))
        };
        let inputs: Vec<NodeId> = inputs.into_iter().map(|input| rewrite.now(input)).collect();
        rewrite.put(id, Op::Fused(op), &inputs);
    }
    rewrite.finish()
}

/// Checks that an activation's gradient is read only by the gradient of the batch normalisation before the activation.
fn absorbable(graph: &Graph, uses: &Uses, id: NodeId, node: &Node) -> Result<Masked, &'static str> {
    let (Op::Gradient(Gradient::Unary(UnaryGrad(activation))), result) = (node.op, graph.node(node.inputs[0])) else {
        unreachable!("asked for gradients of activations only: a bug of atrous")
    };
    let Op::Fused(Fused::BatchNorm(FusedBatchNorm { norm, residual: false, activation: Some(forward) })) = result.op
    else {
        return Err("its argument is not a batch normalisation with an activation and no residual");
    };
    if forward != activation || !norm.scale || !norm.shift {
        return Err("the batch normalisation has no scale or no shift, or another activation");
    }
    uses.is_free(id)?;
    let grad = FusedBatchNormGrad { eps: norm.eps, batch: norm.batch, activation };
    let reads = |user: &NodeId| {
        let user = graph.node(*user);
        let (same, scale) = if let Op::Gradient(Gradient::BatchNormSums(sums)) = user.op {
            (sums.eps == norm.eps, 0)
        } else if let Op::Gradient(Gradient::BatchNorm(plain)) = user.op {
            (plain.eps == norm.eps && plain.batch == norm.batch && plain.scale, 1)
        } else {
            return false;
        };
        // x, dy, mean, var, scale
        let operands = [0, 2, 3, 4].map(|i| user.inputs.get(i));
        let forward = [0, 1, 2, 3].map(|i| result.inputs.get(i));
        same && user.inputs[1] == id && operands[..3 + scale] == forward[..3 + scale]
    };
    match uses.users(id) {
        users if !users.is_empty() && users.iter().all(reads) => {
            Ok(Masked { dy: node.inputs[1], forward: result.inputs.clone(), grad })
        }
        _ => Err("something other than the gradient of a batch normalisation reads it"),
    }
}
