//! Turns a pooled vector that is spread over the image, concatenated with it and convolved into a bias for each sample.
//! This is the image-pooling branch of atrous spatial pyramid pooling.
//!
//! A 1×1 convolution of a concatenation is the sum of convolutions of its inputs. If an input is the same at all
//! pixels, so is its term of the sum.

use std::collections::HashMap;

use crate::op::{Conv2d, Convolution, Fused, FusedConv};
use crate::{Graph, Layout, NodeId, Op, Shape};

use super::derived::{Recipe, given};
use super::report::Report;
use super::rewrite::{Rewrite, Rewritten, Uses};

const NAME: &str = "pooled_bias";

/// A convolution of a concatenation, one input of which is the same at all pixels.
struct Match {
    concat: NodeId,
    /// The input of the concatenation that spreads the vector over the image.
    spread: NodeId,
    /// Number of channels before the vector's in the concatenation.
    first: usize,
}

pub(super) fn run(graph: &Graph, kept: &[NodeId], report: &mut Report) -> Rewritten {
    let uses = Uses::of(graph, kept);
    let mut matches: HashMap<NodeId, Match> = HashMap::new();
    let mut absorbed = vec![false; graph.nodes().len()];
    for (concat, node) in graph.iter().filter(|(_, node)| matches!(node.op, Op::Concat) && node.inputs.len() > 1) {
        let Some(spread) = node.inputs.iter().copied().find(|input| is_spread(graph, *input)) else { continue };
        let found = convolution(graph, &uses, concat, spread);
        report.note(NAME, &node.name, found.map(|_| ()));
        if let Ok(conv) = found {
            let before = node.inputs.iter().take_while(|input| **input != spread);
            let first = before.map(|input| graph.shape(*input).c).sum();
            absorbed[concat.0] = true;
            absorbed[spread.0] = true;
            matches.insert(conv, Match { concat, spread, first });
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter() {
        match matches.get(&id) {
            Some(found) => split(graph, &mut rewrite, id, found),
            None if absorbed[id.0] => {}
            None => rewrite.copy(id),
        }
    }
    rewrite.finish()
}

/// Whether a tensor is one pixel of each sample, repeated. A resize of one pixel does that whatever its interpolation.
fn is_spread(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let pixel = || graph.shape(node.inputs[0]);
    let one = |shape: Shape| shape.h == 1 && shape.w == 1 && (shape.n, shape.c) == (node.ty.shape.n, node.ty.shape.c);
    matches!(node.op, Op::Resize(_) | Op::Broadcast(_)) && one(pixel())
}

/// The convolution that reads a concatenation, if the vector can become its bias.
fn convolution(graph: &Graph, uses: &Uses, concat: NodeId, spread: NodeId) -> Result<NodeId, &'static str> {
    uses.only_user(spread)?;
    let conv = uses.only_user(concat)?;
    let node = graph.node(conv);
    let Op::Conv2d(op) = node.op else { return Err("no convolution follows") };
    let filter = graph.shape(node.inputs[1]);
    if (filter.n, filter.h) != (1, 1) || op.padding != Conv2d::default().padding || op.groups != 1 {
        return Err("the convolution that follows is not 1×1, is padded, or has groups");
    }
    if node.inputs.len() < 3 {
        return Err("the convolution that follows has no bias");
    }
    given(graph, node.inputs[1]).map(|_| conv).ok_or("the filter is computed")
}

fn split(graph: &Graph, rewrite: &mut Rewrite<'_>, id: NodeId, found: &Match) {
    let node = graph.node(id);
    let Op::Conv2d(conv) = node.op else { unreachable!("a convolution, as was looked at: a bug of atrous") };
    let filter = given(graph, node.inputs[1]).expect("a parameter, as was looked at: a bug of atrous");
    let (cin, out) = (filter.1.shape.w, filter.1.shape.c);
    let count = graph.shape(found.spread).c;
    let end = found.first + count;
    let part = |rewrite: &mut Rewrite<'_>, name: &str, channels: &[std::ops::Range<usize>]| {
        let shape = Shape::new(1, 1, channels.iter().map(ExactSizeIterator::len).sum(), out);
        let recipe = Recipe::InputChannels { filter: filter.clone(), channels: channels.to_vec() };
        rewrite.derive(&format!("{}.{name}", node.name), shape, Layout::Filter, recipe)
    };
    let pooled_filter = part(rewrite, "pooled_filter", std::slice::from_ref(&(found.first..end)));
    let filter = part(rewrite, "image_filter", &[0..found.first, end..cin]);

    let pixel = rewrite.now(graph.node(found.spread).inputs[0]);
    let name = format!("{}.pooled", node.name);
    let vector = rewrite.insert(&name, Op::Conv2d(Conv2d::default()), &[pixel, pooled_filter]);
    let inputs = graph.node(found.concat).inputs.iter().filter(|input| **input != found.spread);
    let images: Vec<NodeId> = inputs.map(|input| rewrite.now(*input)).collect();
    let image = match images[..] {
        [image] => image,
        _ => rewrite.insert(&graph.node(found.concat).name, Op::Concat, &images),
    };
    let bias = rewrite.now(node.inputs[2]);
    let fused = FusedConv { residual: true, ..FusedConv::plain(Convolution::Forward(conv), true) };
    rewrite.put(id, Op::Fused(Fused::Conv(fused)), &[image, filter, bias, vector]);
}
