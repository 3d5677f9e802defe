//! Objectives of networks with several heads.

use atrous_graph::NodeId;

use super::Objective;
use crate::OptionError;
use crate::context::{LossContext, ObjectiveError};
use crate::data::TargetSpec;
use crate::loss;
use crate::metrics::Metric;

/// A weighted sum of objectives, each for one output of the network. The names of their metrics begin with the output's name, such as
/// `mask.mean_iou`.
#[derive(Default)]
pub struct Heads {
    heads: Vec<Head>,
}

struct Head {
    output: String,
    weight: f32,
    objective: Box<dyn Objective>,
}

impl Heads {
    /// No heads.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an objective for the output of this name. The weight is the factor of its loss, finite and not negative.
    pub fn with(mut self, output: impl Into<String>, weight: f32, objective: impl Objective + 'static) -> Self {
        self.heads.push(Head { output: output.into(), weight, objective: Box::new(objective) });
        self
    }
}

impl Objective for Heads {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let mut losses = Vec::new();
        for Head { output, weight, objective } in &self.heads {
            let holds = *weight >= 0.0 && weight.is_finite();
            OptionError::unless("the weight of a head", holds, "finite and not negative", weight)?;
            losses.push((objective.loss(&mut cx.only(output)?)?, *weight));
        }
        Ok(loss::weighted_sum(cx.graph, "loss.heads", &losses)?)
    }

    fn metrics(&self, targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        let of_head = |head: &Head| {
            let named = |metric| Box::new(OfHead { output: head.output.clone(), metric }) as Box<dyn Metric>;
            head.objective.metrics(targets).into_iter().map(named).collect::<Vec<_>>()
        };
        self.heads.iter().flat_map(of_head).collect()
    }

    fn describe(&self) -> String {
        let head = |h: &Head| format!("{:?} × {:?}: {}", h.output, h.weight, h.objective.describe());
        format!("heads [{}]", self.heads.iter().map(head).collect::<Vec<_>>().join("; "))
    }
}

/// A metric of one output.
struct OfHead {
    output: String,
    metric: Box<dyn Metric>,
}

impl Metric for OfHead {
    fn name(&self) -> String {
        format!("{}.{}", self.output, self.metric.name())
    }

    fn figures(&self) -> Vec<String> {
        self.metric.figures().iter().map(|name| format!("{}.{name}", self.output)).collect()
    }

    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError> {
        self.metric.sums(&mut cx.only(&self.output)?)
    }

    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>> {
        self.metric.values(sums)
    }
}
