//! What a training computes, to tell whether a resumed one computes the same.

use std::collections::BTreeMap;

use atrous_files::excerpt;
use atrous_graph::{Graph, NodeId, Op};
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// Most operations that a message names.
const NAMED: usize = 3;

/// The function of inputs and parameters that a training minimizes, as a number that changes with operations,
/// attributes, shapes, and connections. Names of operations, their order, and how gradients are computed do not count;
/// names of inputs and parameters do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Computation {
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// How often each operation occurs, with its attributes.
    pub operations: BTreeMap<String, u64>,
}

impl Computation {
    /// The computation of these nodes.
    pub fn of(graph: &Graph, results: &[NodeId]) -> Self {
        let mut needed = vec![false; graph.nodes().len()];
        results.iter().for_each(|id| needed[id.0] = true);
        for (id, node) in graph.iter().collect::<Vec<_>>().into_iter().rev() {
            if needed[id.0] {
                node.inputs.iter().for_each(|input| needed[input.0] = true);
            }
        }
        let mut operations = BTreeMap::new();
        // Of each node: the fingerprint of all that it is computed from.
        let mut fingerprints: Vec<u64> = Vec::with_capacity(needed.len());
        for (id, node) in graph.iter() {
            let mut fingerprint = Fingerprint::default();
            let operation = node.op.to_string();
            fingerprint.text(&operation);
            fingerprint.text(&node.ty.to_string());
            if matches!(node.op, Op::Input | Op::Parameter) {
                fingerprint.text(&node.name);
            }
            node.inputs.iter().for_each(|input| fingerprint.number(fingerprints[input.0]));
            fingerprints.push(fingerprint.finish());
            if needed[id.0] {
                *operations.entry(operation).or_default() += 1;
            }
        }
        let mut whole = Fingerprint::default();
        results.iter().for_each(|id| whole.number(fingerprints[id.0]));
        Self { fingerprint: whole.hex(), operations }
    }

    /// How this computation differs from what it was, in words; `None` if it does not.
    pub fn change(&self, then: &Self) -> Option<String> {
        if self.fingerprint == then.fingerprint {
            return None;
        }
        let count = |of: &Self, operation: &str| of.operations.get(operation).copied().unwrap_or(0);
        let all = self.operations.keys().chain(then.operations.keys().filter(|op| !self.operations.contains_key(*op)));
        let changed = all.filter(|op| count(self, op) != count(then, op)).map(|op| {
            let (before, after) = (count(then, op), count(self, op));
            format!("\"{}\": {before} then, {after} now", excerpt(op))
        });
        let changed: Vec<String> = changed.collect();
        if changed.is_empty() {
            return Some("the same operations with other shapes or connections".to_owned());
        }
        let more = changed.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; {more} more differ") } else { String::new() };
        Some(changed[..changed.len().min(NAMED)].join(", ") + &more)
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Binary, Unary};
    use atrous_graph::{DType, Layout, Shape};

    use super::*;

    /// `f(x) * w`, `names` of the operations.
    fn graph(unary: Unary, names: [&str; 2], channels: usize, swapped: bool) -> Computation {
        let mut graph = Graph::new();
        let x = graph.input("x", Shape::new(2, 4, 4, channels), DType::F32).unwrap();
        let w = graph.parameter("w", Shape::channels(channels), Layout::Image).unwrap();
        // Not part of the result.
        graph.add(names[1], Op::Unary(Unary::Exp), &[x]).unwrap();
        let y = graph.add(names[0], Op::Unary(unary), &[x]).unwrap();
        let inputs = if swapped { [y, y] } else { [y, w] };
        let z = graph.add(names[1], Op::Binary(Binary::Mul), &inputs).unwrap();
        Computation::of(&graph, &[z])
    }

    #[test]
    fn what_is_computed_counts_and_names_do_not() {
        let first = graph(Unary::Relu, ["a", "b"], 3, false);
        assert_eq!(graph(Unary::Relu, ["c", "d"], 3, false), first);
        assert_eq!(first.operations.values().sum::<u64>(), 4);
        let change = |other: Computation| other.change(&first).unwrap();
        assert_eq!(
            change(graph(Unary::Sigmoid, ["a", "b"], 3, false)),
            "\"sigmoid\": 0 then, 1 now, \"relu\": 1 then, 0 now"
        );
        let other = "the same operations with other shapes or connections";
        assert_eq!(change(graph(Unary::Relu, ["a", "b"], 5, false)), other);
        assert_eq!(change(graph(Unary::Relu, ["a", "b"], 3, true)), "\"parameter\": 1 then, 0 now");
        // Written down so that a change of the rules is noticed: it would make all checkpoints those of another
        // computation.
        assert_eq!(first.fingerprint, "0542c50bef4016ed");
    }
}
