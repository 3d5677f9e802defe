//! From a graph to what runs: passes, precision and plan, by what the graph is for.

use atrous_graph::optim::Training;
use atrous_graph::passes::{Derived, DerivedSource, Optimized, PassOptions, Precision, Report, Storage, optimize};
use atrous_graph::{Graph, NodeId, ParameterSource};

use crate::plan::{Plan, known, plan, plan_evaluation, plan_training};
use crate::{PlanError, Target};

/// What a graph is compiled for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// What a network makes of its inputs.
    Inference {
        /// What comes back from a run.
        outputs: &'a [NodeId],
        /// Whether parameters may be made from others when they are uploaded ([`Compiled::source`]): batch normalisations folded into
        /// filters, filters rounded to f16. Otherwise they stay as they are, so that whoever changes them can share them.
        fold: bool,
    },
    /// A graph with gradients of `loss`, by parameters that stay as they are. As in a training step, the loss is made in f32 behind the
    /// last convolution.
    Gradients {
        /// What comes back from a run: gradients, and whatever else.
        outputs: &'a [NodeId],
        /// The loss that the gradients are of.
        loss: NodeId,
        /// The input that all gradients were multiplied with, if there is one
        /// ([`backward_scaled`](atrous_graph::autodiff::backward_scaled)). In f16 gradients below `6e-8` vanish without.
        loss_scale: Option<NodeId>,
    },
    /// A training step, which updates the parameters.
    Training {
        /// The parameters and the rule of their update.
        training: &'a Training,
        /// What comes back from a step; may be empty.
        outputs: &'a [NodeId],
    },
    /// Sums over many runs, kept on the device until they are asked for, by parameters that stay as they are.
    Evaluation {
        /// What is summed, in f32.
        totals: &'a [NodeId],
        /// What comes back from a run; may be empty.
        outputs: &'a [NodeId],
    },
}

/// How a graph is rewritten before it is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CompileOptions {
    /// Which passes run. Those that change parameters run only for [`Purpose::Inference`] that folds.
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
    /// Parameters of [`Self::graph`] that the graph before does not have, and how they are made.
    pub derived: Vec<Derived>,
    /// By node of the graph before: the node that makes the same tensor now, if one does.
    pub nodes: Vec<Option<NodeId>>,
    /// What each pass did, and where it did nothing.
    pub report: Report,
}

impl Compiled {
    /// The values of this graph's parameters, made from those of the graph before.
    pub fn source<'a>(&'a self, before: &'a dyn ParameterSource) -> DerivedSource<'a> {
        DerivedSource::new(&self.derived, before)
    }
}

/// Rewrites a graph for a purpose, plans it for an adapter, and checks the plan. Filters that are larger than the adapter's bindings are
/// [cut](Optimized::cut_filters).
///
/// # Errors
/// Those of [`rewrite`]; [`PlanError::Node`] naming the node that no kernel serves or that passes the adapter's limits.
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

/// The half of [`compile`] that needs no adapter: passes and precision. For parameters that are uploaded before a plan is wanted.
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
    /// The nodes that it names, by what they are; those of a training apart.
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

    /// The nodes that passes must leave.
    fn kept(&self) -> Vec<NodeId> {
        let training = if let Self::Training { training, .. } = self { training.nodes() } else { Vec::new() };
        self.named().into_iter().flat_map(|(_, ids)| ids).copied().chain(training).collect()
    }

    /// What decides how tensors are stored.
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
