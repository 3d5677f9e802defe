//! A graph after the passes, and the order in which they run.

use std::collections::HashMap;

use crate::{Graph, NodeId, ParameterSource};

use super::derived::{Derived, DerivedSource};
use super::options::PassOptions;
use super::report::Report;
use super::rewrite::{Rewritten, sweep};
use super::storage::{Precision, Storage};
use super::{
    batch_statistics, cut_filters, fold_batch_norm, fuse_batch_norm, fuse_batch_norm_grad, fuse_chain, fuse_epilogue,
    fuse_prologue, fuse_resize_argmax, fuse_resize_loss, half_storage, pooled_bias,
};

/// A pass takes a graph, the nodes that must stay, and the report to write to.
type Pass = fn(&Graph, &[NodeId], &mut Report) -> Rewritten;

/// The passes in their order. Those that change parameters come first.
const FOLDING: &[Pass] = &[fold_batch_norm::run, pooled_bias::run];
const FUSING: &[Pass] = &[
    batch_statistics::run,
    fuse_batch_norm::run,
    fuse_batch_norm_grad::run,
    fuse_epilogue::run,
    fuse_prologue::run,
    fuse_resize_loss::run,
    fuse_resize_argmax::run,
    fuse_chain::run,
];

/// A graph after the passes.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// The graph. Its outputs are those of the graph before, in the same order.
    pub graph: Graph,
    /// For each node of the original graph: the node that makes the same tensor now, if there is one.
    pub nodes: Vec<Option<NodeId>>,
    /// The parameters of [`Self::graph`] that the original graph does not have, and those needed only to compute them.
    /// Each comes after those that it is computed from.
    pub derived: Vec<Derived>,
    /// For each node of [`Self::graph`] that makes a [cut](Self::cut_filters) filter: the nodes that make its pieces.
    pub pieces: HashMap<NodeId, Vec<NodeId>>,
    /// What the passes did, and what they declined.
    pub report: Report,
}

/// Runs the passes over the nodes that `kept` needs. Nodes of `kept` and inputs stay, and so do parameters unless they
/// are folded.
///
/// # Panics
/// If a node of `kept` is not of this graph; if a pass makes an illegal node: a bug of atrous.
pub fn optimize(graph: &Graph, kept: &[NodeId], options: PassOptions) -> Optimized {
    let passes: Vec<Pass> = match options {
        PassOptions::None => Vec::new(),
        PassOptions::Fuse => FUSING.to_vec(),
        PassOptions::Fold => [FOLDING, FUSING].concat(),
    };
    let mut optimized = Optimized {
        graph: graph.clone(),
        nodes: (0..graph.nodes().len()).map(|i| Some(NodeId(i))).collect(),
        derived: Vec::new(),
        pieces: HashMap::new(),
        report: Report::default(),
    };
    if options != PassOptions::None {
        // Nodes that nothing needs would prevent others from being fused.
        optimized.follow(sweep(&optimized.graph, kept, false));
    }
    for pass in passes {
        let kept = optimized.now(kept);
        let rewritten = pass(&optimized.graph, &kept, &mut optimized.report);
        optimized.follow(rewritten);
    }
    if options != PassOptions::None {
        let kept = optimized.now(kept);
        optimized.follow(sweep(&optimized.graph, &kept, options == PassOptions::Fold));
    }
    optimized
}

impl Optimized {
    /// The nodes that make the tensors of these nodes of the original graph.
    ///
    /// # Panics
    /// If a node was not kept: a bug of the caller.
    pub fn now(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        nodes.iter().map(|id| self.nodes[id.0].expect("a node that was not kept: a bug of atrous")).collect()
    }

    /// Stores tensors at this precision. Nodes of `kept` and `storage` are of the original graph.
    ///
    /// # Panics
    /// As [`optimize`].
    pub fn stored(mut self, kept: &[NodeId], precision: Precision, storage: &Storage) -> Self {
        if precision == Precision::F16 {
            let now = Storage {
                losses: self.now(&storage.losses),
                loss_scale: storage.loss_scale.map(|id| self.now(&[id])[0]),
                ..*storage
            };
            let rewritten = half_storage::run(&self.graph, &self.now(kept), &now, &mut self.report);
            self.follow(rewritten);
        }
        self
    }

    /// Cuts all filters of more than `limit` bytes by output channels, with the operations that read and make them.
    /// Their parameters stay; the pieces are [slices](crate::op::Slice) of them. A filter stays whole if four of its
    /// output channels exceed the limit. Must run after all other passes.
    pub fn cut_filters(mut self, limit: u64) -> Self {
        if let Some((rewritten, pieces)) = cut_filters::run(&self.graph, limit, &mut self.report) {
            self.follow(rewritten);
            self.pieces = pieces;
        }
        self
    }

    /// The values of this graph's parameters, computed from those of the original graph.
    pub fn source<'a>(&'a self, before: &'a dyn ParameterSource) -> DerivedSource<'a> {
        DerivedSource::new(&self.derived, before)
    }

    fn follow(&mut self, rewritten: Rewritten) {
        for node in &mut self.nodes {
            *node = node.and_then(|id| rewritten.nodes[id.0]);
        }
        self.graph = rewritten.graph;
        self.derived.extend(rewritten.derived);
        // The derived parameters of the graph, and those that they are computed from.
        let mut needed: Vec<&str> = Vec::new();
        for derived in self.derived.iter().rev() {
            if self.graph.find(&derived.name).is_ok() || needed.contains(&derived.name.as_str()) {
                needed.extend(derived.recipe.givens().map(|(name, _)| name.as_str()));
                needed.push(&derived.name);
            }
        }
        let keep: Vec<bool> = self.derived.iter().map(|derived| needed.contains(&derived.name.as_str())).collect();
        let mut keep = keep.into_iter();
        self.derived.retain(|_| keep.next() == Some(true));
        for derived in &mut self.derived {
            derived.ty = self.graph.find(&derived.name).map_or(derived.ty, |id| self.graph.node(id).ty);
        }
    }
}
