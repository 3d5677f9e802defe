//! Computes the mean and variance of a tensor in one operation instead of two that read it one after the other.

use std::collections::HashMap;

use crate::op::{Fused, Gradient, Reduce};
use crate::{Graph, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "batch_statistics";

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // For each mean and variance: the mean.
    let mut pairs: HashMap<NodeId, NodeId> = HashMap::new();
    for (id, node) in graph.iter() {
        if let Op::ChannelVariance = node.op {
            let found = pair(graph, &uses, node.inputs[0], node.inputs[1], id);
            report.note(NAME, &node.name, found);
            if found.is_ok() {
                pairs.extend([(node.inputs[1], node.inputs[1]), (id, node.inputs[1])]);
            }
        }
    }
    // For each mean: the new node that computes mean and variance.
    let mut both: HashMap<NodeId, NodeId> = HashMap::new();
    let mut rewrite = Rewrite::new(graph);
    for (id, node) in graph.iter() {
        if let Some(mean) = pairs.get(&id) {
            // The new node takes the place of the mean. The variance has no node of its own.
            if *mean == id {
                let x = rewrite.now(node.inputs[0]);
                let name = format!("{}.and_variance", node.name);
                both.insert(id, rewrite.insert(&name, Op::Fused(Fused::BatchStatistics), &[x]));
            }
        } else if node.inputs.iter().any(|input| pairs.contains_key(input)) {
            let of = |input: &NodeId| pairs.get(input).map_or_else(|| rewrite.now(*input), |mean| both[mean]);
            let inputs: Vec<NodeId> = node.inputs.iter().map(of).collect();
            let mut op = node.op;
            if let Op::RunningStat(stat) = &mut op {
                stat.sample = usize::from(pairs[&node.inputs[1]] != node.inputs[1]);
            }
            rewrite.put(id, op, &inputs);
        } else {
            rewrite.copy(id);
        }
    }
    rewrite.finish()
}

/// Checks that `mean` is the mean of `x`, and that all readers of it or of the variance `var` can read both from one
/// tensor.
fn pair(graph: &Graph, uses: &Uses, x: NodeId, mean: NodeId, var: NodeId) -> Result<(), &'static str> {
    if graph.node(mean).op != Op::Reduce(Reduce::MEAN_NHW) || graph.node(mean).inputs != [x] {
        return Err("it is not around the mean of the same map");
    }
    uses.is_free(mean).and(uses.is_free(var))?;
    let fits = |user: &NodeId| {
        let node = graph.node(*user);
        let both_from = |at: usize| node.inputs[at..at + 2] == [mean, var];
        if let Op::ChannelVariance = node.op {
            *user == var
        } else if let Op::RunningStat(_) = node.op {
            node.inputs[0] != mean && node.inputs[0] != var
        } else if let Op::BatchNorm(_) | Op::Fused(Fused::BatchNorm(_)) = node.op {
            both_from(1)
        } else if let Op::Gradient(Gradient::BatchNormSums(_) | Gradient::BatchNorm(_)) = node.op {
            both_from(2)
        } else {
            false
        }
    };
    let all = uses.users(mean).iter().chain(uses.users(var));
    if all.into_iter().all(fits) { Ok(()) } else { Err("something other than a batch normalisation reads it") }
}
