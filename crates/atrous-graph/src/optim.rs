//! What a training step does with the gradients: optimizers, parameter groups, and how they are put together.
//!
//! All of this is plain data. A plan turns it into dispatches over the flat parameter buffers; the CPU reference executes it
//! tensor by tensor.

mod loss_scale;
mod optimizer;

use std::collections::HashMap;

use crate::passes::Optimized;
use crate::{DType, Graph, NodeId, Op};

pub use loss_scale::{LossScale, LossScaling};
pub use optimizer::{Convention, Optimizer};

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

/// What one training step does besides computing the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The loss, one number. A step whose loss or gradient is not finite changes nothing, but the loss scale.
    pub loss: NodeId,
    /// What the loss's gradient was multiplied with, and with it all gradients; `None` if they are as they are.
    pub loss_scale: Option<LossScale>,
    /// Parameters and the nodes that make their gradients.
    pub gradients: Vec<(NodeId, NodeId)>,
    /// Parameters that take the value of a node after each step: running statistics.
    pub assignments: Vec<(NodeId, NodeId)>,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Groups; a parameter with a gradient is in exactly one.
    pub groups: Vec<ParameterGroup>,
    /// Gradients are scaled by `min(1, clip_norm / (norm + 1e-6))`, the norm over all of them (PyTorch's `clip_grad_norm_`).
    pub clip_norm: Option<f64>,
    /// Whether gradients of several runs may be summed before an update.
    pub accumulate: bool,
    /// Nodes whose values are summed on the device from run to run, until they are taken: metrics.
    pub totals: Vec<NodeId>,
}

impl Training {
    /// All nodes that a step needs: what passes over the graph must keep.
    pub fn nodes(&self) -> Vec<NodeId> {
        let pairs = self.gradients.iter().chain(&self.assignments).flat_map(|(parameter, node)| [*parameter, *node]);
        let grouped = self.groups.iter().flat_map(|group| group.parameters.iter().copied());
        let scale = self.loss_scale.iter().map(|scale| scale.node);
        pairs.chain(grouped).chain(self.totals.iter().copied()).chain([self.loss]).chain(scale).collect()
    }

    /// The same training of the graph that passes have made, which kept [`Self::nodes`].
    ///
    /// # Panics
    /// If one of them was not kept: a bug of the caller.
    pub fn follow(&self, optimized: &Optimized) -> Self {
        let now = |id: &NodeId| optimized.now(&[*id])[0];
        let pairs = |pairs: &[(NodeId, NodeId)]| pairs.iter().map(|(a, b)| (now(a), now(b))).collect();
        let group = |g: &ParameterGroup| ParameterGroup { parameters: optimized.now(&g.parameters), ..g.clone() };
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

    /// Checks the settings, and that they fit a graph.
    ///
    /// # Errors
    /// What does not fit, with the node's name.
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
            if !matches!(parameter.op, Op::Parameter) {
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
        for &total in &self.totals {
            let node = graph.node(total);
            if node.ty.dtype != DType::F32 {
                return Err(format!("totals are of f32 nodes, \"{}\" is {}", node.name, node.ty));
            }
        }
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
