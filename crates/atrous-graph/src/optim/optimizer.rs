//! Update rules of optimizers.

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
///
/// ```
/// use atrous_graph::optim::{Convention, Optimizer};
///
/// assert_eq!(Optimizer::adamw().name(), "adamw"); // with PyTorch's defaults
/// let convention = Convention::Keras;
/// let sgd = Optimizer::Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, convention };
/// assert!(sgd.validate().is_ok());
/// assert!(Optimizer::sgd(1.5).validate().is_err());
/// ```
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
        /// Whether the velocity is PyTorch's or Keras'.
        convention: Convention,
    },
    /// RMSprop (Hinton 2012): `s = alpha*s + (1 - alpha)*g²`; if centered, the square of the mean gradient is
    /// subtracted from `s`.
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
        /// Whether the formula is PyTorch's or Keras'.
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
        /// AMSGrad (Reddi et al. 2018): the largest `s` so far, without its correction `c2`, takes the place of `s` in the quotient.
        amsgrad: bool,
        /// Whether the formula is PyTorch's or Keras'.
        convention: Convention,
    },
    /// NAdam, Adam with Nesterov's momentum (Dozat 2016): `m` and `s` as in Adam. With `mu(t) = beta1 * (1 - 0.96^(t*momentum_decay)/2)`
    /// and `u(t) = mu(1) * … * mu(t)`: `p -= lr * (mu(t+1) / (1 - u(t+1)) * m + (1 - mu(t)) / (1 - u(t)) * g) / (sqrt(s/c2) + eps)`.
    ///
    /// This is PyTorch's formula. Keras' is the same with a `momentum_decay` of 1 and decoupled weight decay.
    NAdam {
        /// Share of the mean gradient that stays, in 0..1.
        beta1: f64,
        /// Share of the mean square that stays, in 0..1.
        beta2: f64,
        /// Keeps the division finite.
        eps: f64,
        /// How fast the momentum rises from a half of `beta1` to all of it; not negative.
        momentum_decay: f64,
        /// Whether weight decay is decoupled from the gradient.
        decoupled: bool,
    },
    /// Adagrad (Duchi et al. 2011): `s = s + g²`, which starts at `initial_accumulator`.
    ///
    /// PyTorch: `p -= lr / (1 + (t - 1)*lr_decay) * g / (sqrt(s) + eps)` at step `t`; Keras: `p -= lr * g / sqrt(s + eps)`.
    Adagrad {
        /// PyTorch's decay of the learning rate, not negative.
        lr_decay: f64,
        /// Initial value of the sum of squares, not negative.
        initial_accumulator: f64,
        /// Keeps the division finite.
        eps: f64,
        /// Whether the formula is PyTorch's or Keras'.
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
        let convention = Convention::Torch;
        Self::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled: false, amsgrad: false, convention }
    }

    /// PyTorch's `AdamW()`, whose weight decay is that of the parameter groups.
    pub const fn adamw() -> Self {
        let convention = Convention::Torch;
        Self::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled: true, amsgrad: false, convention }
    }

    /// PyTorch's `NAdam()`.
    pub const fn nadam() -> Self {
        Self::NAdam { beta1: 0.9, beta2: 0.999, eps: 1e-8, momentum_decay: 0.004, decoupled: false }
    }

    /// PyTorch's `Adagrad()`.
    pub const fn adagrad() -> Self {
        Self::Adagrad { lr_decay: 0.0, initial_accumulator: 0.0, eps: 1e-10, convention: Convention::Torch }
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
            Self::NAdam { .. } => "nadam",
            Self::Adagrad { .. } => "adagrad",
        }
    }

    /// Names of the state tensors of each parameter. All their elements begin as [`Self::first_state`].
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
            Self::Adam { amsgrad: true, .. } => &["mean", "square", "max_square"],
            Self::Adam { amsgrad: false, .. } | Self::NAdam { .. } => &["mean", "square"],
            Self::Adagrad { .. } => &["square_sum"],
        }
    }

    /// Initial value of the state: 0, except for Adagrad's sum of squares.
    pub const fn first_state(&self) -> f64 {
        match self {
            Self::Adagrad { initial_accumulator, .. } => *initial_accumulator,
            Self::Sgd { .. } | Self::RmsProp { .. } | Self::Adam { .. } | Self::NAdam { .. } => 0.0,
        }
    }

    /// Whether weight decay is subtracted from the parameter instead of being added to the gradient.
    pub const fn decouples(&self) -> bool {
        match self {
            Self::Sgd { convention, .. } | Self::RmsProp { convention, .. } | Self::Adagrad { convention, .. } => {
                matches!(convention, Convention::Keras)
            }
            Self::Adam { decoupled, convention, .. } => *decoupled || matches!(convention, Convention::Keras),
            Self::NAdam { decoupled, .. } => *decoupled,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the number and its allowed values.
    pub fn validate(&self) -> Result<(), String> {
        let share = |name: &str, v: f64| match (0.0..1.0).contains(&v) {
            true => Ok(()),
            false => Err(format!("{} {name} must lie in 0..1, got {v}", self.name())),
        };
        // Devices may flush numbers below the smallest normal one to zero.
        let positive = |v: f64| match v >= f64::from(f32::MIN_POSITIVE) && v.is_finite() {
            true => Ok(()),
            false => Err(format!("{} eps must be at least {:e}, got {v:e}", self.name(), f32::MIN_POSITIVE)),
        };
        let not_negative = |name: &str, v: f64| match v >= 0.0 && v <= f64::from(f32::MAX) {
            true => Ok(()),
            false => Err(format!("{} {name} must be finite and not negative, got {v:e}", self.name())),
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
            Self::NAdam { beta1, beta2, eps, momentum_decay, .. } => {
                share("beta1", beta1)?;
                share("beta2", beta2)?;
                not_negative("momentum_decay", momentum_decay)?;
                positive(eps)
            }
            Self::Adagrad { lr_decay, initial_accumulator, eps, convention } => {
                if convention == Convention::Keras && lr_decay != 0.0 {
                    return Err(format!("adagrad by the rule of Keras has no lr_decay, got {lr_decay}"));
                }
                not_negative("lr_decay", lr_decay)?;
                not_negative("initial_accumulator", initial_accumulator)?;
                positive(eps)
            }
        }
    }
}
