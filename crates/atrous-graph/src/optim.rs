//! What a training step does with the gradients: optimizers, parameter groups, and how they are put together.
//!
//! All of this is plain data. A plan turns it into dispatches over the flat parameter buffers; the CPU reference executes it
//! tensor by tensor.

mod loss_scale;

use std::collections::HashMap;

use crate::passes::Optimized;
use crate::{DType, Graph, NodeId, Op};

pub use loss_scale::{LossScale, LossScaling};

/// Whose formula is used where PyTorch and Keras differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Convention {
    /// `torch.optim`.
    #[default]
    Torch,
    /// `keras.optimizers`.
    Keras,
}

/// An update rule. `g` is the gradient of a parameter `p`, `lr` its learning rate, `wd` its weight decay. PyTorch adds weight
/// decay to the gradient (`g + wd*p`), except for AdamW; Keras decouples it in all its optimizers. Where it is
/// [decoupled](Optimizer::decouples), `p -= lr*wd*p` comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    ///
    /// PyTorch: `v = momentum*v + (1 - dampening)*g` (the first step `v = g`), `p -= lr*v`; with Nesterov
    /// `p -= lr*(g + momentum*v)`. Keras: `v = momentum*v - lr*g`, `p += v`; with Nesterov `p += momentum*v - lr*g`.
    Sgd {
        /// Share of the velocity that stays, in 0..1.
        momentum: f64,
        /// PyTorch's dampening of the gradient.
        dampening: f64,
        /// Look ahead (Nesterov 1983, in Sutskever's form).
        nesterov: bool,
        /// Whose velocity.
        convention: Convention,
    },
    /// RMSprop (Hinton 2012): `s = alpha*s + (1 - alpha)*g²`; centred, the square of the mean gradient is taken off `s`.
    ///
    /// PyTorch: `d = g / (sqrt(s) + eps)`, `v = momentum*v + d`, `p -= lr*v`. Keras: `d = lr*g / sqrt(s + eps)`,
    /// `v = momentum*v + d`, `p -= v`.
    RmsProp {
        /// Share of the mean square that stays (Keras' `rho`), in 0..1.
        alpha: f64,
        /// Keeps the division finite.
        eps: f64,
        /// Share of the velocity that stays, in 0..1.
        momentum: f64,
        /// Whether the variance is used instead of the mean square.
        centered: bool,
        /// Whose formula.
        convention: Convention,
    },
    /// Adam (Kingma and Ba 2015): `m = beta1*m + (1 - beta1)*g`, `s = beta2*s + (1 - beta2)*g²`. At step `t`, counted from 1,
    /// with `c1 = 1 - beta1^t` and `c2 = 1 - beta2^t`:
    /// PyTorch: `p -= lr/c1 * m / (sqrt(s/c2) + eps)`; Keras: `p -= lr*sqrt(c2)/c1 * m / (sqrt(s) + eps)`.
    Adam {
        /// Share of the mean gradient that stays, in 0..1.
        beta1: f64,
        /// Share of the mean square that stays, in 0..1.
        beta2: f64,
        /// Keeps the division finite.
        eps: f64,
        /// AdamW (Loshchilov and Hutter 2019): weight decay is decoupled from the gradient.
        decoupled: bool,
        /// Whose formula.
        convention: Convention,
    },
}

impl Optimizer {
    /// PyTorch's `SGD(momentum)`.
    pub const fn sgd(momentum: f64) -> Self {
        Self::Sgd { momentum, dampening: 0.0, nesterov: false, convention: Convention::Torch }
    }

    /// PyTorch's `Adam()`.
    pub const fn adam() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled: false, convention: Convention::Torch }
    }

    /// PyTorch's `AdamW()`, whose weight decay is that of the parameter groups.
    pub const fn adamw() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled: true, convention: Convention::Torch }
    }

    /// PyTorch's `RMSprop()`.
    pub const fn rmsprop() -> Self {
        let convention = Convention::Torch;
        Self::RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, convention }
    }

    /// The optimizer's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::RmsProp { .. } => "rmsprop",
            Self::Adam { decoupled: false, .. } => "adam",
            Self::Adam { decoupled: true, .. } => "adamw",
        }
    }

    /// Names of the tensors that it keeps for each parameter; they begin as zeros.
    pub const fn state(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum, .. } if *momentum == 0.0 => &[],
            Self::Sgd { .. } => &["momentum"],
            Self::RmsProp { momentum, centered, .. } => match (*momentum == 0.0, *centered) {
                (true, false) => &["square"],
                (false, false) => &["square", "momentum"],
                (true, true) => &["square", "mean"],
                (false, true) => &["square", "momentum", "mean"],
            },
            Self::Adam { .. } => &["mean", "square"],
        }
    }

    /// Whether weight decay takes its share off the parameter, instead of being added to the gradient.
    pub const fn decouples(&self) -> bool {
        match self {
            Self::Sgd { convention, .. } | Self::RmsProp { convention, .. } => matches!(convention, Convention::Keras),
            Self::Adam { decoupled, convention, .. } => *decoupled || matches!(convention, Convention::Keras),
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Which number must lie where.
    pub fn validate(&self) -> Result<(), String> {
        let share = |name: &str, v: f64| match (0.0..1.0).contains(&v) {
            true => Ok(()),
            false => Err(format!("{} {name} must lie in 0..1, got {v}", self.name())),
        };
        // Below the smallest normal number, devices may take it for zero.
        let positive = |v: f64| match v >= f64::from(f32::MIN_POSITIVE) && v.is_finite() {
            true => Ok(()),
            false => Err(format!("{} eps must be at least {:e}, got {v:e}", self.name(), f32::MIN_POSITIVE)),
        };
        match *self {
            Self::Sgd { momentum, dampening, nesterov, convention } => {
                share("momentum", momentum)?;
                if convention == Convention::Keras && dampening != 0.0 {
                    return Err(format!("sgd by the rule of Keras has no dampening, got {dampening}"));
                }
                if !(0.0..=1.0).contains(&dampening) {
                    return Err(format!("sgd dampening must lie in 0..=1, got {dampening}"));
                }
                if nesterov && (momentum == 0.0 || dampening != 0.0) {
                    return Err(format!(
                        "sgd with Nesterov needs a momentum and no dampening, got {momentum} and {dampening}"
                    ));
                }
                Ok(())
            }
            Self::RmsProp { alpha, eps, momentum, .. } => {
                share("alpha", alpha)?;
                share("momentum", momentum)?;
                positive(eps)
            }
            Self::Adam { beta1, beta2, eps, .. } => {
                share("beta1", beta1)?;
                share("beta2", beta2)?;
                positive(eps)
            }
        }
    }
}

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
