//! Batch normalisation.

use atrous_graph::op::{BatchNorm, Reduce, RunningStat};
use atrous_graph::{GraphError, NodeId, Op};

use crate::{Builder, Mode, Naming, ParameterKind};

/// A batch normalisation's attributes.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::layers::Norm;
/// use atrous_nn::{Builder, Mode, Naming};
///
/// let mut b = Builder::new(Naming::Torch, Mode::Training);
/// let x = b.input("input", Shape::new(8, 32, 32, 16))?;
/// let y = b.batch_norm("bn1", x, Norm::TORCH)?;
/// let y = b.batch_norm("bn2", y, Norm { scale: false, ..Norm::keras(1e-3, 0.99) })?;
/// let model = b.finish("norms", x, &[("out", y)]);
/// assert_eq!(model.running.len(), 4); // a mean and a variance each
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Added to the variance.
    pub eps: f64,
    /// Share of the batch's statistics in the new running statistics (PyTorch's meaning; Keras' is 1 minus this).
    pub momentum: f64,
    /// Whether the running variance is the unbiased one (PyTorch, TensorFlow's fused kernel) or the biased one (Keras 3).
    pub unbiased: bool,
    /// Whether there is a scale (`weight`, `gamma`).
    pub scale: bool,
    /// Whether there is a shift (`bias`, `beta`).
    pub shift: bool,
}

impl Norm {
    /// PyTorch's defaults: eps 1e-5, momentum 0.1.
    pub const TORCH: Self = Self::torch(1e-5, 0.1);

    /// PyTorch's `BatchNorm2d(eps, momentum)`.
    pub const fn torch(eps: f64, momentum: f64) -> Self {
        Self { eps, momentum, unbiased: true, scale: true, shift: true }
    }

    /// Keras 3's `BatchNormalization(epsilon, momentum)`; its momentum is the share of the old statistics.
    pub const fn keras(eps: f64, momentum: f64) -> Self {
        Self { eps, momentum: 1.0 - momentum, unbiased: false, scale: true, shift: true }
    }

    /// TensorFlow-slim's fused `batch_norm(epsilon, decay)`.
    pub const fn tf_slim(eps: f64, decay: f64) -> Self {
        Self { eps, momentum: 1.0 - decay, unbiased: true, scale: true, shift: true }
    }
}

impl Builder {
    /// Batch normalisation over channels; the result has the shape of `x`.
    ///
    /// Parameters `weight`, `bias`, `running_mean`, `running_var` (Keras: `gamma`, `beta`, `moving_mean`,
    /// `moving_variance`), all `[C]`; PyTorch's `num_batches_tracked` is recorded as unused. In training mode it uses the
    /// batch's statistics (nodes `name.batch_mean` and `name.batch_var`) and makes the new running ones
    /// (`name.running_mean.new` and so on).
    ///
    /// # Errors
    /// In training mode, with PyTorch's rule, if there is only one value per channel.
    pub fn batch_norm(&mut self, name: &str, x: NodeId, norm: Norm) -> Result<NodeId, GraphError> {
        self.batch_norm_as(name, name, x, norm)
    }

    /// [`Self::batch_norm`] whose result is called `node` and whose parameters are named after `name`, for modules that contain more than
    /// the normalisation.
    ///
    /// # Errors
    /// Those of [`Builder::batch_norm`].
    pub fn batch_norm_as(&mut self, node: &str, name: &str, x: NodeId, norm: Norm) -> Result<NodeId, GraphError> {
        let c = self.shape(x).c;
        let names = [
            ("weight", "gamma"),
            ("bias", "beta"),
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
        ];
        let [scale, shift, mean, var] = names.map(|(torch, keras)| self.parameter_name(name, torch, keras));
        let mut affine = Vec::new();
        if norm.scale {
            affine.push(self.vector(&scale, c, ParameterKind::BnWeight)?);
        }
        if norm.shift {
            affine.push(self.vector(&shift, c, ParameterKind::BnBias)?);
        }
        let running_mean = self.vector(&mean, c, ParameterKind::RunningMean)?;
        let running_var = self.vector(&var, c, ParameterKind::RunningVar)?;
        if self.naming() == Naming::Torch {
            self.unused(&format!("{name}.num_batches_tracked"), Vec::new(), None);
        }
        let batch = self.mode() == Mode::Training;
        let mut statistics = [running_mean, running_var];
        if batch {
            statistics = self.batch_statistics(name, x, norm, [(&mean, running_mean), (&var, running_var)])?;
        }
        let op = BatchNorm { eps: norm.eps, scale: norm.scale, shift: norm.shift, batch };
        let inputs: Vec<NodeId> = [x].into_iter().chain(statistics).chain(affine).collect();
        self.add(node, Op::BatchNorm(op), &inputs)
    }

    /// Mean and variance of the batch; the new running statistics are made of them.
    fn batch_statistics(
        &mut self,
        name: &str,
        x: NodeId,
        norm: Norm,
        [(mean_name, old_mean), (var_name, old_var)]: [(&str, NodeId); 2],
    ) -> Result<[NodeId; 2], GraphError> {
        let count = Reduce::MEAN_NHW.count(self.shape(x));
        if norm.unbiased && count < 2 {
            let reason = format!("training needs more than one value per channel, got {}", self.shape(x));
            return Err(self.invalid("batch_norm", name, reason));
        }
        let mean = self.add(&format!("{name}.batch_mean"), Op::Reduce(Reduce::MEAN_NHW), &[x])?;
        let var = self.add(&format!("{name}.batch_var"), Op::ChannelVariance, &[x, mean])?;
        let var_rule = if norm.unbiased {
            RunningStat::unbiased_variance(norm.momentum, count)
        } else {
            RunningStat::mean(norm.momentum)
        };
        let mean_rule = RunningStat::mean(norm.momentum);
        let new_mean = self.add(&format!("{mean_name}.new"), Op::RunningStat(mean_rule), &[old_mean, mean])?;
        let new_var = self.add(&format!("{var_name}.new"), Op::RunningStat(var_rule), &[old_var, var])?;
        self.running(old_mean, new_mean);
        self.running(old_var, new_var);
        Ok([mean, var])
    }
}
