//! Fuses a batch normalisation with the addition of a residual and the activation after it.

use std::collections::{HashMap, HashSet};

use crate::op::{BatchNorm, Binary, Fused, FusedBatchNorm, Unary};
use crate::{Graph, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_batch_norm";

/// Nodes that become one operation, which replaces the last of them.
struct Chain {
    norm: BatchNorm,
    /// Inputs of the batch normalisation, then the residual.
    inputs: Vec<NodeId>,
    residual: bool,
    activation: Option<Unary>,
}

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // Chains, by their last node.
    let mut chains: HashMap<NodeId, Chain> = HashMap::new();
    let mut absorbed: HashSet<NodeId> = HashSet::new();
    for (id, node) in graph.iter() {
        if let Op::BatchNorm(norm) = node.op {
            let found = chain(graph, &uses, id, norm, &absorbed);
            report.note(NAME, &node.name, found.as_ref().map(|_| ()).map_err(|reason| *reason));
            if let Ok((chain, nodes)) = found {
                let (last, before) = nodes.split_last().expect("a chain has nodes: a bug of atrous");
                absorbed.extend(before);
                chains.insert(*last, chain);
            }
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match chains.get(&id) {
            Some(chain) => {
                let Chain { norm, residual, activation, .. } = *chain;
                let inputs: Vec<NodeId> = chain.inputs.iter().map(|input| rewrite.now(*input)).collect();
                rewrite.put(id, Op::Fused(Fused::BatchNorm(FusedBatchNorm { norm, residual, activation })), &inputs);
            }
            None if absorbed.contains(&id) => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}

/// The chain that begins with the batch normalisation `id`, and its nodes.
fn chain(
    graph: &Graph,
    uses: &Uses,
    id: NodeId,
    norm: BatchNorm,
    absorbed: &HashSet<NodeId>,
) -> Result<(Chain, Vec<NodeId>), &'static str> {
    let mut chain = Chain { norm, inputs: graph.node(id).inputs.clone(), residual: false, activation: None };
    let mut nodes = vec![id];
    let mut next = uses.only_user(id)?;
    let node = graph.node(next);
    if node.op == Op::Binary(Binary::Add) {
        if absorbed.contains(&next) {
            return Err("the sum behind it is fused with its other summand");
        }
        let other = if node.inputs[0] == id { node.inputs[1] } else { node.inputs[0] };
        if graph.node(other).ty != node.ty || graph.node(id).ty != node.ty {
            return Err("the sum behind it broadcasts");
        }
        // If both summands are normalisations, the later one takes the sum, which needs both results.
        if other > id && matches!(graph.node(other).op, Op::BatchNorm(_)) && uses.only_user(other).is_ok() {
            return Err("the sum behind it is fused with its other summand");
        }
        chain.inputs.push(other);
        chain.residual = true;
        nodes.push(next);
        match uses.only_user(next) {
            Ok(user) => next = user,
            Err(_) => return Ok((chain, nodes)),
        }
    }
    if let Op::Unary(f) = graph.node(next).op
        && f.from_result()
    {
        chain.activation = Some(f);
        nodes.push(next);
    } else if !chain.residual {
        return Err("neither a sum nor an activation that can be fused follows");
    }
    Ok((chain, nodes))
}
