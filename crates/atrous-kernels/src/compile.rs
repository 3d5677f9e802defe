//! Compiling a graph for a purpose: passes, precision and plan.

use atrous_graph::optim::Training;
use atrous_graph::passes::{Derived, DerivedSource, Optimized, PassOptions, Precision, Report, Storage, optimize};
use atrous_graph::{Graph, NodeId, ParameterSource};

use crate::plan::{Plan, known, plan, plan_evaluation, plan_training};
use crate::{PlanError, Target};

/// What a graph is compiled for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// A run computes outputs from inputs.
    Inference {
        /// The nodes that a run returns.
        outputs: &'a [NodeId],
        /// Whether parameters may be derived from others when they are uploaded ([`Compiled::source`]): batch
        /// normalisations folded into filters, filters rounded to f16. If not, parameters stay as they are and can be
        /// shared with a training.
        fold: bool,
    },
    /// A run computes gradients of `loss` and does not change parameters. As in a training step, the loss is computed
    /// in f32 from the last convolution on.
    Gradients {
        /// The nodes that a run returns: gradients and any others.
        outputs: &'a [NodeId],
        /// The loss that is differentiated.
        loss: NodeId,
        /// The input that all gradients were multiplied by, if there is one
        /// ([`backward_scaled`](atrous_graph::autodiff::backward_scaled)). Without it, f16 gradients below `6e-8`
        /// become 0.
        loss_scale: Option<NodeId>,
    },
    /// A training step, which updates the parameters.
    Training {
        /// The parameters and the rule of their update.
        training: &'a Training,
        /// The nodes that a step returns; may be empty.
        outputs: &'a [NodeId],
    },
    /// An evaluation: sums over many runs, which stay on the device until they are read. Parameters do not change.
    Evaluation {
        /// The nodes whose values are summed, in f32.
        totals: &'a [NodeId],
        /// The nodes that a run returns; may be empty.
        outputs: &'a [NodeId],
    },
}

/// How a graph is rewritten before it is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CompileOptions {
    /// The passes to run. Those that change parameters run only for [`Purpose::Inference`] with `fold`.
    pub passes: PassOptions,
    /// How activations and filters are stored. [`Precision::F16`] needs [`Target::f16`].
    pub precision: Precision,
}

/// A graph compiled for a purpose.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The graph that runs.
    pub graph: Graph,
    /// The plan of [`Self::graph`].
    pub plan: Plan,
    /// Parameters of [`Self::graph`] that the original graph does not have, and how they are computed.
    pub derived: Vec<Derived>,
    /// For each node of the original graph: the node that makes the same tensor now, if there is one.
    pub nodes: Vec<Option<NodeId>>,
    /// What each pass did, and what it declined.
    pub report: Report,
}

impl Compiled {
    /// The values of this graph's parameters, computed from those of the original graph.
    pub fn source<'a>(&'a self, before: &'a dyn ParameterSource) -> DerivedSource<'a> {
        DerivedSource::new(&self.derived, before)
    }
}

/// Rewrites a graph for a purpose, plans it for an adapter, and checks the plan. Filters that are larger than the adapter's bindings are
/// [cut](Optimized::cut_filters).
///
/// # Errors
/// Those of [`rewrite`]; [`PlanError::Node`], which names the node, if no kernel serves it or it exceeds the adapter's
/// limits.
pub fn compile(
    graph: &Graph,
    purpose: &Purpose<'_>,
    options: CompileOptions,
    target: &Target,
) -> Result<Compiled, PlanError> {
    let rewritten = rewrite(graph, purpose, options)?.cut_filters(target.limits.max_parameter());
    let (graph, now) = (&rewritten.graph, |ids: &[NodeId]| rewritten.now(ids));
    let plan = match *purpose {
        Purpose::Inference { outputs, .. } | Purpose::Gradients { outputs, .. } => plan(graph, &now(outputs), target),
        Purpose::Training { training, outputs } => {
            plan_training(graph, &now(outputs), &training.follow(&rewritten), target)
        }
        Purpose::Evaluation { totals, outputs } => plan_evaluation(graph, &now(outputs), &now(totals), target),
    }?;
    let Optimized { graph, nodes, derived, report, .. } = rewritten;
    Ok(Compiled { graph, plan, derived, nodes, report })
}

/// The part of [`compile`] that needs no adapter: passes and precision. For uploading parameters before there is a
/// plan.
///
/// # Errors
/// [`PlanError::UnknownNode`] if the purpose names a node that the graph does not have, [`PlanError::Training`] if a training does not
/// fit the graph.
pub fn rewrite(graph: &Graph, purpose: &Purpose<'_>, options: CompileOptions) -> Result<Optimized, PlanError> {
    if let Purpose::Training { training, .. } = purpose {
        training.validate(graph).map_err(PlanError::Training)?;
    }
    purpose.named().into_iter().try_for_each(|(what, ids)| known(graph, what, ids))?;
    let (kept, storage) = (purpose.kept(), purpose.storage());
    let passes = if storage.filters { options.passes } else { options.passes.keeping_parameters() };
    Ok(optimize(graph, &kept, passes).stored(&kept, options.precision, &storage))
}

impl Purpose<'_> {
    /// The nodes that the purpose names, by their role; those of a training excepted.
    fn named(&self) -> Vec<(&'static str, &[NodeId])> {
        match self {
            Self::Inference { outputs, .. } | Self::Training { outputs, .. } => vec![("output", outputs)],
            Self::Gradients { outputs, loss, loss_scale } => {
                let loss = ("loss", std::slice::from_ref(loss));
                vec![("output", outputs), loss, ("loss scale", loss_scale.as_slice())]
            }
            Self::Evaluation { totals, outputs } => vec![("output", outputs), ("total", totals)],
        }
    }

    /// The nodes that passes must keep.
    fn kept(&self) -> Vec<NodeId> {
        let training = if let Self::Training { training, .. } = self { training.nodes() } else { Vec::new() };
        self.named().into_iter().flat_map(|(_, ids)| ids).copied().chain(training).collect()
    }

    /// What decides which tensors are stored in f16.
    fn storage(&self) -> Storage {
        let kept = |losses: Vec<NodeId>, loss_scale| Storage { filters: false, losses, loss_scale };
        match *self {
            Self::Inference { fold, .. } => Storage { filters: fold, ..Storage::default() },
            Self::Gradients { loss, loss_scale, .. } => kept(vec![loss], loss_scale),
            Self::Training { training, .. } => {
                let losses = [&[training.loss], &training.totals[..]].concat();
                kept(losses, training.loss_scale.map(|scale| scale.node))
            }
            Self::Evaluation { totals, .. } => kept(totals.to_vec(), None),
        }
    }
}
