//! The table `optimizer`.

use atrous::graph::optim::{self, Convention};
use serde::{Deserialize, Serialize};

/// An update rule with its learning rate and weight decay. Numbers that are left out are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Optimizer {
    Sgd {
        #[serde(default = "percent")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default)]
        momentum: f64,
        #[serde(default)]
        dampening: f64,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        rule: Rule,
    },
    Rmsprop {
        #[serde(default = "percent")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default = "alpha")]
        alpha: f64,
        #[serde(default = "eps")]
        eps: f64,
        #[serde(default)]
        momentum: f64,
        #[serde(default)]
        centered: bool,
        #[serde(default)]
        rule: Rule,
    },
    Adam {
        #[serde(default = "thousandth")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "eps")]
        eps: f64,
        #[serde(default)]
        amsgrad: bool,
        #[serde(default)]
        rule: Rule,
    },
    Adamw {
        #[serde(default = "thousandth")]
        lr: f64,
        #[serde(default = "percent")]
        weight_decay: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "eps")]
        eps: f64,
        #[serde(default)]
        amsgrad: bool,
        #[serde(default)]
        rule: Rule,
    },
    Nadam {
        #[serde(default = "two_thousandths")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "eps")]
        eps: f64,
        #[serde(default = "momentum_decay")]
        momentum_decay: f64,
        #[serde(default)]
        decoupled_weight_decay: bool,
    },
    Adagrad {
        #[serde(default = "percent")]
        lr: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default)]
        lr_decay: f64,
        #[serde(default)]
        initial_accumulator: f64,
        #[serde(default = "adagrad_eps")]
        eps: f64,
        #[serde(default)]
        rule: Rule,
    },
}

/// Whose formula, where PyTorch and Keras differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    #[default]
    Torch,
    Keras,
}

const fn percent() -> f64 {
    0.01
}

const fn thousandth() -> f64 {
    0.001
}

const fn two_thousandths() -> f64 {
    0.002
}

const fn momentum_decay() -> f64 {
    0.004
}

const fn adagrad_eps() -> f64 {
    1e-10
}

const fn alpha() -> f64 {
    0.99
}

const fn eps() -> f64 {
    1e-8
}

const fn beta1() -> f64 {
    0.9
}

const fn beta2() -> f64 {
    0.999
}

impl Optimizer {
    /// The rule, the base learning rate and the weight decay.
    pub(super) fn parts(self) -> (optim::Optimizer, f64, f64) {
        match self {
            Self::Sgd { lr, weight_decay, momentum, dampening, nesterov, rule } => {
                let convention = rule.convention();
                (optim::Optimizer::Sgd { momentum, dampening, nesterov, convention }, lr, weight_decay)
            }
            Self::Rmsprop { lr, weight_decay, alpha, eps, momentum, centered, rule } => {
                let convention = rule.convention();
                (optim::Optimizer::RmsProp { alpha, eps, momentum, centered, convention }, lr, weight_decay)
            }
            Self::Adam { lr, weight_decay, beta1, beta2, eps, amsgrad, rule } => {
                let convention = rule.convention();
                (optim::Optimizer::Adam { beta1, beta2, eps, decoupled: false, amsgrad, convention }, lr, weight_decay)
            }
            Self::Adamw { lr, weight_decay, beta1, beta2, eps, amsgrad, rule } => {
                let convention = rule.convention();
                (optim::Optimizer::Adam { beta1, beta2, eps, decoupled: true, amsgrad, convention }, lr, weight_decay)
            }
            Self::Nadam { lr, weight_decay, beta1, beta2, eps, momentum_decay, decoupled_weight_decay: decoupled } => {
                (optim::Optimizer::NAdam { beta1, beta2, eps, momentum_decay, decoupled }, lr, weight_decay)
            }
            Self::Adagrad { lr, weight_decay, lr_decay, initial_accumulator, eps, rule } => {
                let convention = rule.convention();
                (optim::Optimizer::Adagrad { lr_decay, initial_accumulator, eps, convention }, lr, weight_decay)
            }
        }
    }
}

impl Rule {
    const fn convention(self) -> Convention {
        match self {
            Self::Torch => Convention::Torch,
            Self::Keras => Convention::Keras,
        }
    }
}
