//! Fuses sequences of element-wise operations, each of which is the only reader of the one before.

use std::collections::{HashMap, HashSet};

use crate::op::{Binary, Chain, Fused, Gradient, Step, UnaryGrad};
use crate::{Graph, Layout, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_chain";

/// Nodes that become one operation, which replaces the last of them.
struct Found {
    steps: Vec<Step>,
    /// The first value, then the operands of the steps.
    inputs: Vec<NodeId>,
}

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    let mut absorbed: HashSet<NodeId> = HashSet::new();
    // Chains, by their last node.
    let mut chains: HashMap<NodeId, Found> = HashMap::new();
    for (id, node) in graph.iter() {
        if absorbed.contains(&id) || chains.contains_key(&id) || !is_step(&node.op) {
            continue;
        }
        // The first value of an activation's gradient is `dy`, its second input.
        let first = node.inputs[usize::from(matches!(node.op, Op::Gradient(Gradient::Unary(_))))];
        let Ok((step, others)) = step(graph, id, first) else { continue };
        let mut found = Found { steps: vec![step], inputs: [vec![first], others].concat() };
        let (mut last, mut reason) = (id, None);
        while reason.is_none() {
            match next(graph, &uses, last, &found) {
                Ok((id, step, others)) => {
                    absorbed.insert(last);
                    found.steps.push(step);
                    found.inputs.extend(others);
                    last = id;
                }
                Err(why) => reason = Some(why),
            }
        }
        let done = found.steps.len() > 1;
        if done || uses.only_user(id).is_ok_and(|user| is_step(&graph.node(user).op)) {
            report.note(NAME, &graph.node(last).name, if done { Ok(()) } else { Err(reason.unwrap_or("")) });
        }
        if done {
            chains.insert(last, found);
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match chains.get(&id) {
            Some(found) => {
                let inputs: Vec<NodeId> = found.inputs.iter().map(|input| rewrite.now(*input)).collect();
                let chain = Chain::new(&found.steps).expect("a chain that fits: a bug of atrous");
                rewrite.put(id, Op::Fused(Fused::Chain(chain)), &inputs);
            }
            None if absorbed.contains(&id) => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}

fn is_step(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Gradient(Gradient::Unary(_)) | Op::Binary(_))
}

/// The step that a node applies to `value`, one of its inputs, and the node's other inputs.
fn step(graph: &Graph, id: NodeId, value: NodeId) -> Result<(Step, Vec<NodeId>), &'static str> {
    let node = graph.node(id);
    if node.ty.layout != Layout::Image || node.inputs.iter().any(|input| graph.node(*input).ty != node.ty) {
        return Err("it broadcasts");
    }
    let others: Vec<NodeId> = node.inputs.iter().copied().filter(|input| *input != value).collect();
    if others.len() + 1 != node.inputs.len() {
        return Err("it reads the same twice");
    }
    let step = if let Op::Unary(f) = node.op {
        f.is_piecewise().then_some(Step::Unary(f))
    } else if let Op::Gradient(Gradient::Unary(UnaryGrad(f))) = node.op {
        (f.is_piecewise() && node.inputs[1] == value).then_some(Step::UnaryGrad(f))
    } else if let Op::Binary(Binary::Add) = node.op {
        Some(Step::Add)
    } else if let Op::Binary(Binary::Mul) = node.op {
        Some(Step::Mul)
    } else {
        None
    };
    Ok((step.ok_or("its function is no step of a chain")?, others))
}

/// The node that continues a chain, its step and its other inputs. It must directly follow `last` in the graph, so that
/// fusing does not lengthen the lifetimes of the operands of earlier steps.
fn next(graph: &Graph, uses: &Uses, last: NodeId, found: &Found) -> Result<(NodeId, Step, Vec<NodeId>), &'static str> {
    let user = uses.only_user(last)?;
    if !is_step(&graph.node(user).op) {
        return Err("no function of elements follows");
    }
    if user.0 != last.0 + 1 {
        return Err("other work lies between it and what follows");
    }
    let (step, others) = step(graph, user, last)?;
    let steps = [found.steps.as_slice(), &[step]].concat();
    match Chain::new(&steps) {
        Some(_) => Ok((user, step, others)),
        None => Err("the chain would be too long"),
    }
}
