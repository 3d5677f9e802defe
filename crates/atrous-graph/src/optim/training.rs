//! A training step: the loss, its gradients and how they are applied.

use std::collections::HashMap;

use crate::passes::Optimized;
use crate::{DType, Graph, NodeId, Op};

use super::loss_scale::LossScale;
use super::optimizer::Optimizer;

/// Parameters that share a learning rate and a weight decay.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGroup {
    /// The parameters' nodes.
    pub parameters: Vec<NodeId>,
    /// Factor of the step's learning rate.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

/// What one training step does besides computing the graph. [`Self::new`] makes the simplest one; methods change it:
///
/// ```
/// # use atrous_graph::autodiff::{Recompute, backward};
/// # use atrous_graph::op::{Binary, Reduce};
/// # use atrous_graph::optim::{Optimizer, Training};
/// # use atrous_graph::{DType, Graph, Layout, Op, Shape};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut graph = Graph::new();
/// # let x = graph.input("x", Shape::new(4, 1, 1, 1), DType::F32)?;
/// # let w = graph.parameter("w", Shape::channels(1), Layout::Image)?;
/// # let y = graph.add("y", Op::Binary(Binary::Mul), &[x, w])?;
/// # let loss = graph.add("loss", Op::Reduce(Reduce::MEAN_NHW), &[y])?;
/// let gradients = backward(&mut graph, &[(loss, 1.0)], &[w], &Recompute::default())?;
/// let pairs = [w].into_iter().zip(gradients).filter_map(|(parameter, gradient)| Some((parameter, gradient?)));
/// let training = Training::new(loss, pairs, Optimizer::adamw()).weight_decay(0.01).clip_norm(1.0);
/// training.validate(&graph)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Training {
    /// The loss, one number. If the loss or a gradient is not finite, the step changes nothing but the loss scale.
    pub loss: NodeId,
    /// The factor of the loss's gradient, and so of all gradients; `None` if they are not scaled.
    pub loss_scale: Option<LossScale>,
    /// Parameters, or the pieces of [cut](Optimized::cut_filters) ones, and the nodes that make their gradients.
    pub gradients: Vec<(NodeId, NodeId)>,
    /// Pairs of a parameter and the node whose value it takes after each step, such as running statistics.
    pub assignments: Vec<(NodeId, NodeId)>,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Whether the loss is maximized: gradients are negated before weight decay is applied (PyTorch's `maximize`).
    pub maximize: bool,
    /// Groups; a parameter with a gradient is in exactly one.
    pub groups: Vec<ParameterGroup>,
    /// Gradients are scaled by `min(1, clip_norm / (norm + 1e-6))`, the norm over all of them (PyTorch's `clip_grad_norm_`).
    pub clip_norm: Option<f64>,
    /// Whether gradients of several runs may be summed before an update.
    pub accumulate: bool,
    /// Nodes whose values are summed on the device over several runs, until they are read, such as metrics.
    pub totals: Vec<NodeId>,
}

impl Training {
    /// A step that updates parameters. `gradients` are pairs of a parameter and the node that makes its gradient. All
    /// parameters are in one group with the step's learning rate and no weight decay; the loss is minimized; nothing is
    /// clipped, scaled, accumulated, assigned or summed.
    pub fn new(loss: NodeId, gradients: impl IntoIterator<Item = (NodeId, NodeId)>, optimizer: Optimizer) -> Self {
        let gradients: Vec<(NodeId, NodeId)> = gradients.into_iter().collect();
        let parameters = gradients.iter().map(|(parameter, _)| *parameter).collect();
        Self {
            loss,
            loss_scale: None,
            gradients,
            assignments: Vec::new(),
            optimizer,
            maximize: false,
            groups: vec![ParameterGroup { parameters, lr: 1.0, weight_decay: 0.0 }],
            clip_norm: None,
            accumulate: false,
            totals: Vec::new(),
        }
    }

    /// Sets the weight decay of all groups.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.groups.iter_mut().for_each(|group| group.weight_decay = weight_decay);
        self
    }

    /// Sets the parameter groups.
    pub fn groups(self, groups: Vec<ParameterGroup>) -> Self {
        Self { groups, ..self }
    }

    /// Sets the parameters that take the value of a node after each step: pairs of both nodes.
    pub fn assignments(mut self, assignments: impl IntoIterator<Item = (NodeId, NodeId)>) -> Self {
        self.assignments = assignments.into_iter().collect();
        self
    }

    /// Sets whether the loss is maximized instead of minimized.
    pub fn maximize(self, maximize: bool) -> Self {
        Self { maximize, ..self }
    }

    /// Sets the largest norm of all gradients together, to which they are scaled; `None` for no limit.
    pub fn clip_norm(self, norm: impl Into<Option<f64>>) -> Self {
        Self { clip_norm: norm.into(), ..self }
    }

    /// Sets whether gradients of several runs may be summed before an update.
    pub fn accumulate(self, accumulate: bool) -> Self {
        Self { accumulate, ..self }
    }

    /// Sets the loss scale by which gradients were multiplied ([`backward_scaled`](crate::autodiff::backward_scaled)).
    pub fn loss_scale(self, scale: impl Into<Option<LossScale>>) -> Self {
        Self { loss_scale: scale.into(), ..self }
    }

    /// Sets the nodes whose values are summed over several steps.
    pub fn totals(self, totals: Vec<NodeId>) -> Self {
        Self { totals, ..self }
    }

    /// All nodes that a step needs. Passes over the graph must keep them.
    pub fn nodes(&self) -> Vec<NodeId> {
        let pairs = self.gradients.iter().chain(&self.assignments).flat_map(|(parameter, node)| [*parameter, *node]);
        let grouped = self.groups.iter().flat_map(|group| group.parameters.iter().copied());
        let scale = self.loss_scale.iter().map(|scale| scale.node);
        pairs.chain(grouped).chain(self.totals.iter().copied()).chain([self.loss]).chain(scale).collect()
    }

    /// This training for the graph that passes have made, which must have kept [`Self::nodes`]. A filter that was
    /// [cut](Optimized::cut_filters) is trained by its pieces.
    ///
    /// # Panics
    /// If a node was not kept: a bug of the caller.
    pub fn follow(&self, optimized: &Optimized) -> Self {
        let now = |id: &NodeId| optimized.now(&[*id])[0];
        let pieces = |id: &NodeId| optimized.pieces.get(&now(id)).map_or_else(|| vec![now(id)], Vec::clone);
        let pair = |(parameter, node): &(NodeId, NodeId)| match (pieces(parameter), pieces(node)) {
            (parameters, nodes) if parameters.len() == nodes.len() => parameters.into_iter().zip(nodes).collect(),
            _ => vec![(now(parameter), now(node))],
        };
        let pairs = |pairs: &[(NodeId, NodeId)]| pairs.iter().flat_map(pair).collect();
        let group = |g: &ParameterGroup| {
            let parameters = g.parameters.iter().flat_map(pieces).collect();
            ParameterGroup { parameters, ..g.clone() }
        };
        Self {
            loss: now(&self.loss),
            loss_scale: self.loss_scale.map(|scale| LossScale { node: now(&scale.node), ..scale }),
            gradients: pairs(&self.gradients),
            assignments: pairs(&self.assignments),
            groups: self.groups.iter().map(group).collect(),
            totals: optimized.now(&self.totals),
            ..self.clone()
        }
    }

    /// Checks the settings, and that they fit the graph.
    ///
    /// # Errors
    /// What is wrong, with the node's name.
    pub fn validate(&self, graph: &Graph) -> Result<(), String> {
        self.optimizer.validate()?;
        let pairs = || self.gradients.iter().chain(&self.assignments);
        if let Some(id) = self.nodes().iter().find(|id| id.0 >= graph.nodes().len()) {
            return Err(format!("%{} is not a node of the graph, which has {}", id.0, graph.nodes().len()));
        }
        let loss = graph.node(self.loss);
        if loss.ty.shape.len() != 1 || loss.ty.dtype != DType::F32 {
            return Err(format!("the loss \"{}\" must be one f32, got {}", loss.name, loss.ty));
        }
        self.loss_scale.map_or(Ok(()), |scale| scale.validate(graph))?;
        let mut seen = HashMap::new();
        for (parameter, id) in pairs() {
            let (parameter, node) = (graph.node(*parameter), graph.node(*id));
            let name = &parameter.name;
            let of = if let Op::Slice(_) = parameter.op { graph.node(parameter.inputs[0]) } else { parameter };
            if !matches!(of.op, Op::Parameter) {
                return Err(format!("\"{name}\" is no parameter, it is {}", parameter.op.name()));
            }
            if parameter.ty != node.ty {
                let [is, got] = [parameter, node].map(|n| format!("{} ({:?})", n.ty, n.ty.layout));
                return Err(format!(
                    "parameter \"{name}\" is {is}, its next value or gradient \"{}\" {got}",
                    node.name
                ));
            }
            if let Some(other) = seen.insert(name, &node.name) {
                return Err(format!("parameter \"{name}\" is changed twice, by \"{other}\" and \"{}\"", node.name));
            }
        }
        validate_totals(graph, &self.totals)?;
        if let Some(clip) = self.clip_norm.filter(|clip| !(*clip > 0.0 && clip.is_finite())) {
            return Err(format!("the norm to clip at must be positive, got {clip}"));
        }
        self.validate_groups(graph)
    }

    fn validate_groups(&self, graph: &Graph) -> Result<(), String> {
        let mut groups: HashMap<NodeId, usize> = HashMap::new();
        for group in &self.groups {
            for (what, v) in [("learning rate factor", group.lr), ("weight decay", group.weight_decay)] {
                if !(v >= 0.0 && v.is_finite()) {
                    return Err(format!("a group's {what} must be finite and not negative, got {v}"));
                }
            }
            for &parameter in &group.parameters {
                *groups.entry(parameter).or_default() += 1;
            }
        }
        for (parameter, _) in &self.gradients {
            let count = groups.get(parameter).copied().unwrap_or(0);
            if count != 1 {
                return Err(format!(
                    "parameter \"{}\" must be in one group, it is in {count}",
                    graph.node(*parameter).name
                ));
            }
        }
        Ok(())
    }
}

/// Checks that nodes of a graph can be summed from run to run.
///
/// # Errors
/// Names a node that is not f32.
pub fn validate_totals(graph: &Graph, totals: &[NodeId]) -> Result<(), String> {
    match totals.iter().map(|id| graph.node(*id)).find(|node| node.ty.dtype != DType::F32) {
        Some(node) => Err(format!("totals are of f32 nodes, \"{}\" is {}", node.name, node.ty)),
        None => Ok(()),
    }
}
