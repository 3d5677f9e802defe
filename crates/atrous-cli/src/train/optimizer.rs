//! The table `optimizer`.

use atrous::graph::optim::{self, Convention};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::tables::lay;

const DEFAULTS: &str = include_str!("optimizers.toml");

/// An update rule with its learning rate and weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Optimizer {
    Sgd {
        lr: f64,
        weight_decay: f64,
        momentum: f64,
        dampening: f64,
        nesterov: bool,
        rule: Rule,
    },
    Rmsprop {
        lr: f64,
        weight_decay: f64,
        alpha: f64,
        eps: f64,
        momentum: f64,
        centered: bool,
        rule: Rule,
    },
    Adam(Adam),
    Adamw(Adam),
    Nadam {
        lr: f64,
        weight_decay: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        momentum_decay: f64,
        decoupled_weight_decay: bool,
    },
    Adagrad {
        lr: f64,
        weight_decay: f64,
        lr_decay: f64,
        initial_accumulator: f64,
        eps: f64,
        rule: Rule,
    },
}

/// The settings of Adam and AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adam {
    lr: f64,
    weight_decay: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    amsgrad: bool,
    rule: Rule,
}

/// The framework whose formula is used where PyTorch and Keras differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    Torch,
    Keras,
}

/// Fills in the missing keys of an optimizer's table.
pub(super) fn fill(optimizer: &mut Table) {
    let mut defaults: Table = DEFAULTS.parse().expect("the defaults are a TOML table");
    let kind = optimizer.get("type").and_then(Value::as_str).unwrap_or_default();
    if let Some(Value::Table(mut filled)) = defaults.remove(kind) {
        lay(&mut filled, std::mem::take(optimizer));
        *optimizer = filled;
    }
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
            Self::Adam(adam) => adam.parts(false),
            Self::Adamw(adam) => adam.parts(true),
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

impl Adam {
    fn parts(self, decoupled: bool) -> (optim::Optimizer, f64, f64) {
        let Self { lr, weight_decay, beta1, beta2, eps, amsgrad, rule } = self;
        let convention = rule.convention();
        (optim::Optimizer::Adam { beta1, beta2, eps, decoupled, amsgrad, convention }, lr, weight_decay)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_pytorchs() {
        let parts = |text: &str| {
            let mut table: Table = text.parse().unwrap();
            fill(&mut table);
            Optimizer::deserialize(table).unwrap().parts()
        };
        assert_eq!(parts("type = 'sgd'"), (optim::Optimizer::sgd(0.0), 0.01, 0.0));
        assert_eq!(parts("type = 'rmsprop'"), (optim::Optimizer::rmsprop(), 0.01, 0.0));
        assert_eq!(parts("type = 'adam'"), (optim::Optimizer::adam(), 0.001, 0.0));
        assert_eq!(parts("type = 'adamw'"), (optim::Optimizer::adamw(), 0.001, 0.01));
        assert_eq!(parts("type = 'nadam'"), (optim::Optimizer::nadam(), 0.002, 0.0));
        assert_eq!(parts("type = 'adagrad'"), (optim::Optimizer::adagrad(), 0.01, 0.0));
        assert_eq!(parts("type = 'adamw'\nlr = 1\nweight_decay = 0.5"), (optim::Optimizer::adamw(), 1.0, 0.5));
    }

    #[test]
    fn unknown_keys_and_rules_are_named() {
        let error = |text: &str| {
            let mut table: Table = text.parse().unwrap();
            fill(&mut table);
            Optimizer::deserialize(table).unwrap_err().to_string()
        };
        assert!(error("type = 'adamw'\nmomentum = 0.9").contains("unknown field `momentum`"));
        assert!(error("type = 'sgd'\namsgrad = true").contains("unknown field `amsgrad`"));
        assert!(error("type = 'lion'").contains("unknown variant `lion`"));
        assert!(error("lr = 0.1").contains("missing field `type`"));
    }
}
