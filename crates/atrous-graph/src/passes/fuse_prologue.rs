//! Fuses a function of an image that only depthwise convolutions read into these, which apply it when they load the
//! image.

use crate::op::{Convolution, Fused, FusedConv, Unary};
use crate::{Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_prologue";

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    let mut absorbed = vec![false; graph.nodes().len()];
    for (id, node) in graph.iter() {
        let Op::Unary(function) = node.op else { continue };
        if uses.users(id).iter().any(|user| depthwise(graph, graph.node(*user)).is_some()) {
            let found = absorbable(graph, &uses, id, function);
            report.note(NAME, &node.name, found);
            absorbed[id.0] = found.is_ok();
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, node) in graph.iter() {
        let image = node.inputs.first().filter(|image| absorbed[image.0]);
        if absorbed[id.0] {
            continue;
        }
        if let Some(Node { op: Op::Unary(function), inputs, .. }) = image.map(|image| graph.node(*image))
            && let Some(fused) = depthwise(graph, node)
        {
            let inputs: Vec<NodeId> = inputs.iter().chain(&node.inputs[1..]).map(|id| rewrite.now(*id)).collect();
            rewrite.put(id, Op::Fused(Fused::Conv(FusedConv { prologue: Some(*function), ..fused })), &inputs);
        } else {
            rewrite.copy(id);
        }
    }
    rewrite.finish()
}

/// The depthwise convolution that a node computes, if it has no prologue.
fn depthwise(graph: &Graph, node: &Node) -> Option<FusedConv> {
    let fused = FusedConv::of(&node.op, node.inputs.len())?;
    let Convolution::Forward(conv) = fused.conv else { return None };
    let once = conv.groups > 1 && conv.groups == graph.shape(node.inputs[0]).c;
    (once && fused.prologue.is_none()).then_some(fused)
}

fn absorbable(graph: &Graph, uses: &Uses, id: NodeId, function: Unary) -> Result<(), &'static str> {
    if !function.keeps_zero() || !function.is_piecewise() {
        return Err("it is not 0 at 0, or too costly or steep");
    }
    // It can be absorbed where it is read as the image, not as the residual.
    let image = |user: &NodeId| {
        let node = graph.node(*user);
        depthwise(graph, node).is_some() && node.inputs[1..].iter().all(|input| *input != id)
    };
    uses.is_free(id)?;
    if uses.users(id).iter().all(image) { Ok(()) } else { Err("others than depthwise convolutions read it") }
}
