//! Fuses a class map with the resize before it, so that the resized image is not stored.

use std::collections::HashMap;

use crate::op::{Fused, Resize, ResizeArgMax};
use crate::{Graph, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "fuse_resize_argmax";

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    // For each fused arg-max: the resize, and the image before the resize.
    let mut fused: HashMap<NodeId, (Resize, NodeId)> = HashMap::new();
    let mut absorbed = vec![false; graph.nodes().len()];
    for (id, node) in graph.iter().filter(|(_, node)| matches!(node.op, Op::ArgMax)) {
        let image = node.inputs[0];
        let Op::Resize(resize) = graph.node(image).op else {
            report.note(NAME, &node.name, Err("its image is not resized"));
            continue;
        };
        let alone = uses.only_user(image);
        report.note(NAME, &node.name, alone.map(|_| ()));
        if alone.is_ok() {
            fused.insert(id, (resize, graph.node(image).inputs[0]));
            absorbed[image.0] = true;
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match fused.get(&id) {
            Some((resize, image)) => {
                let image = rewrite.now(*image);
                rewrite.put(id, Op::Fused(Fused::ArgMax(ResizeArgMax(*resize))), &[image]);
            }
            None if absorbed[id.0] => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}
