//! Fuses a convolution with the addition of a residual and the function after it.

use std::collections::HashMap;

use crate::op::{Binary, Fused, FusedConv};
use crate::{Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_epilogue";

/// A convolution with the operations that it absorbs.
struct Match {
    conv: NodeId,
    fused: FusedConv,
    residual: Option<NodeId>,
}

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // Matches by their last node, and for each node whether it is part of a match.
    let mut matches: HashMap<NodeId, Match> = HashMap::new();
    let mut absorbed = vec![false; graph.nodes().len()];
    let mut notes = Vec::new();
    // If two convolutions are added, the one with the smaller image takes the sum, since its image stays in memory
    // until then.
    let mut order: Vec<(NodeId, &Node)> = graph.iter().collect();
    order.sort_by_key(|(_, node)| node.inputs.first().map(|image| graph.node(*image).ty.bytes()));
    for (id, node) in order {
        let Some(fused) = FusedConv::of(&node.op, node.inputs.len()) else { continue };
        if fused.activation.is_some() {
            continue;
        }
        let mut found = Match { conv: id, fused, residual: None };
        let (last, reason) = extend(graph, &uses, &absorbed, &mut found);
        if last == id {
            notes.push((id, Err(reason)));
            continue;
        }
        notes.push((id, Ok(())));
        // Marks the convolution, the node after it and the last node, which may be the same: a match has no others.
        absorbed[id.0] = true;
        absorbed[uses.users(id)[0].0] = true;
        absorbed[last.0] = true;
        matches.insert(last, found);
    }
    notes.sort_by_key(|(id, _)| *id);
    notes.into_iter().for_each(|(id, done)| report.note(NAME, &graph.node(id).name, done));

    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match matches.get(&id) {
            Some(Match { conv, fused, residual }) => {
                let inputs: Vec<NodeId> =
                    graph.node(*conv).inputs.iter().chain(residual).map(|id| rewrite.now(*id)).collect();
                rewrite.put(id, Op::Fused(Fused::Conv(*fused)), &inputs);
            }
            None if absorbed[id.0] => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}

/// Extends a match as far as possible. Returns its last node, and why the next one cannot be absorbed.
fn extend(graph: &Graph, uses: &Uses, absorbed: &[bool], found: &mut Match) -> (NodeId, &'static str) {
    let mut last = found.conv;
    loop {
        let next = match uses.only_user(last) {
            Ok(next) => next,
            Err(reason) => return (last, reason),
        };
        if absorbed[next.0] {
            return (last, "the sum belongs to the other convolution");
        }
        let node = graph.node(next);
        if let Op::Unary(function) = node.op {
            if !function.is_piecewise() {
                return (last, "the function that follows is too costly or too steep");
            }
            found.fused.activation = Some(function);
            return (next, "");
        }
        if node.op != Op::Binary(Binary::Add) || found.fused.residual {
            return (last, "no sum or function follows");
        }
        let other = node.inputs.iter().copied().find(|id| *id != last);
        let Some(other) = other.filter(|id| graph.node(*id).ty == graph.node(last).ty) else {
            return (last, "what is added has another shape");
        };
        if !found.fused.bias {
            return (last, "it has no bias");
        }
        (found.fused.residual, found.residual, last) = (true, Some(other), next);
    }
}
