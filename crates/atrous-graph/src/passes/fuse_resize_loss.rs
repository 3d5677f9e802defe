//! Fuses the resize of logits into their readers: a cross-entropy, its gradient and a class map.

use std::collections::{HashMap, HashSet};

use crate::op::{
    CrossEntropyGrad, Fused, Gradient, Interpolation, Resize, ResizeArgMax, ResizeCrossEntropy, ResizeCrossEntropyGrad,
};
use crate::{Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_resize_loss";

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    let mut absorbed: HashSet<NodeId> = HashSet::new();
    // For each node that is replaced: the fused operation, and the node whose inputs it takes.
    let mut fused: HashMap<NodeId, (Fused, NodeId)> = HashMap::new();
    for (id, node) in graph.iter() {
        let Op::Resize(resize) = node.op else { continue };
        let losses = uses.users(id).iter().filter(|user| is_loss(graph.node(**user)));
        if losses.count() > 0 {
            let found = readers(graph, &uses, id, resize);
            report.note(NAME, &node.name, found.as_ref().map(|_| ()).map_err(|reason| *reason));
            if let Ok(found) = found {
                absorbed.insert(id);
                absorbed.extend(found.iter().map(|(_, _, loss)| *loss));
                fused.extend(found.into_iter().map(|(at, op, loss)| (at, (op, loss))));
            }
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match fused.get(&id) {
            Some((op, loss)) => {
                let inputs = &graph.node(*loss).inputs;
                let x = graph.node(inputs[0]).inputs[0];
                let inputs: Vec<NodeId> = [x].iter().chain(&inputs[1..]).map(|input| rewrite.now(*input)).collect();
                rewrite.put(id, Op::Fused(*op), &inputs);
            }
            None if absorbed.contains(&id) => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}

const fn is_loss(node: &Node) -> bool {
    matches!(node.op, Op::CrossEntropy(_) | Op::Gradient(Gradient::CrossEntropy(_)))
}

/// For each reader of the resized logits: the node to replace, the fused operation, and the reader.
fn readers(
    graph: &Graph,
    uses: &Uses,
    id: NodeId,
    resize: Resize,
) -> Result<Vec<(NodeId, Fused, NodeId)>, &'static str> {
    uses.is_free(id)?;
    if !matches!(resize.interpolation, Interpolation::Bilinear(_)) {
        return Err("it is not bilinear");
    }
    let reader = |user: &NodeId| {
        let op = graph.node(*user).op;
        if let Op::CrossEntropy(loss) = op {
            return Ok((*user, Fused::CrossEntropy(ResizeCrossEntropy { resize, loss }), *user));
        }
        if let Op::ArgMax = op {
            return Ok((*user, Fused::ArgMax(ResizeArgMax(resize)), *user));
        }
        let Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(loss))) = op else {
            return Err("something other than a cross-entropy and a class map reads it");
        };
        let op = ResizeCrossEntropy { resize, loss };
        let back = uses.only_user(*user)?;
        let x = graph.shape(graph.node(id).inputs[0]);
        if graph.node(back).op != Op::Gradient(Gradient::Resize(op.resize_grad(x))) {
            return Err("the gradient of the loss does not go to the gradient of the interpolation");
        }
        Ok((back, Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op)), *user))
    };
    uses.users(id).iter().map(reader).collect()
}
