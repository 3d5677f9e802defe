//! Which values of the forward pass are stored, and which are computed again when the backward pass reads them.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::{Graph, GraphError, NodeId, Op};

/// Which forward values the backward pass computes again instead of storing them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// Nothing: every value that the backward pass reads is stored.
    Nothing,
    /// Cheap operations: batch normalisation, concatenation, and element-wise functions of their results. Costs about
    /// one more pass over those tensors and saves up to two of three tensors per convolution.
    #[default]
    Cheap,
    /// Everything except statistics, outputs, and tensors that one of this many segments passes to another. Segments
    /// are of about equal size (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Costs up to one
    /// more forward pass.
    Segments(usize),
}

impl fmt::Display for Recompute {
    /// `nothing`, `cheap` or `segments=4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Cheap => f.write_str("cheap"),
            Self::Segments(n) => write!(f, "segments={n}"),
        }
    }
}

impl FromStr for Recompute {
    type Err = String;

    /// Reads the text that is [displayed](fmt::Display).
    fn from_str(text: &str) -> Result<Self, String> {
        let segments = text.strip_prefix("segments=").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        match (text, segments) {
            ("nothing", _) => Ok(Self::Nothing),
            ("cheap", _) => Ok(Self::Cheap),
            (_, Some(segments)) => Ok(Self::Segments(segments)),
            (_, None) => Err(format!("expected {}, got {text:?}", Self::TEXTS)),
        }
    }
}

impl Recompute {
    /// The texts that can be read.
    pub const TEXTS: &str = "nothing, cheap, or segments=N with N at least 1";
}

/// The forward values that a backward pass reads.
pub(super) struct Saved {
    /// For each forward node: whether its value is stored.
    kept: Vec<bool>,
    /// For each forward node that is computed again: the node that does so.
    again: HashMap<NodeId, NodeId>,
}

impl Saved {
    pub(super) fn new(graph: &Graph, recompute: &Recompute) -> Self {
        let kept = match recompute {
            Recompute::Nothing => vec![true; graph.nodes().len()],
            Recompute::Cheap => cheap(graph),
            Recompute::Segments(count) => segments(graph, (*count).max(1)),
        };
        Self { kept, again: HashMap::new() }
    }

    /// The node that holds a forward value. If the value is not stored, appends the nodes that compute it again.
    pub(super) fn value(&mut self, graph: &mut Graph, id: NodeId) -> Result<NodeId, GraphError> {
        if self.kept.get(id.0).copied().unwrap_or(true) {
            return Ok(id);
        }
        if let Some(again) = self.again.get(&id) {
            return Ok(*again);
        }
        let node = graph.node(id).clone();
        let inputs = node.inputs.iter().map(|input| self.value(graph, *input)).collect::<Result<Vec<_>, _>>()?;
        let again = graph.add(&format!("{}.again", node.name), node.op, &inputs)?;
        self.again.insert(id, again);
        Ok(again)
    }
}

fn cheap(graph: &Graph) -> Vec<bool> {
    let mut kept = vec![true; graph.nodes().len()];
    for (id, node) in graph.iter() {
        kept[id.0] = if let Op::Unary(_) = node.op {
            kept[node.inputs[0].0]
        } else {
            !matches!(node.op, Op::BatchNorm(_) | Op::Concat)
        };
    }
    kept
}

/// The nodes that [`Recompute::Segments`] stores. A segment is a run of consecutive nodes; all have about the same
/// number of bytes.
fn segments(graph: &Graph, count: usize) -> Vec<bool> {
    let sizes: Vec<u64> = graph.nodes().iter().map(|n| if sources(&n.op) { 0 } else { n.ty.bytes() }).collect();
    let share = (sizes.iter().sum::<u64>() / count as u64).max(1);
    let mut before = 0;
    let mut segment = Vec::with_capacity(sizes.len());
    for size in &sizes {
        segment.push(before / share);
        before += size;
    }
    let mut kept: Vec<bool> = graph.nodes().iter().map(|n| sources(&n.op) || statistics(&n.op)).collect();
    for (id, node) in graph.iter() {
        for input in &node.inputs {
            kept[input.0] |= segment[input.0] != segment[id.0];
        }
    }
    for output in graph.outputs() {
        kept[output.0] = true;
    }
    kept
}

fn sources(op: &Op) -> bool {
    matches!(op, Op::Input | Op::Parameter)
}

fn statistics(op: &Op) -> bool {
    matches!(op, Op::Reduce(_) | Op::ChannelVariance | Op::RunningStat(_))
}
