//! The kernel that decides whether and how parameters are updated.

use atrous_graph::optim::{Convention, Optimizer, Training};
use atrous_shaders::Call;
use atrous_shaders::codes::Rule;
use atrous_shaders::optim::control::{self, Axes, Bindings, Constants, Scaled};

use crate::place::Place;

/// Decides about an update: from the norm of the gradient, of which there are `count` partial sums, it computes whether
/// loss and gradient are finite, the factor of the gradient, and the factors of the rule that depend on the number of
/// the update. `after` is whether the same run has already decided about its own gradient, and this one is the sum over
/// several runs.
pub(crate) fn control(training: &Training, count: usize, after: bool, bindings: Bindings<Place>) -> Call<Place> {
    let scaled = training.loss_scale.map(|scale| Scaled {
        // The last decision about an update adjusts the loss scale.
        decides: after == training.accumulate,
        interval: f64::from(scale.scaling.interval),
    });
    let rule = rule(&training.optimizer);
    let [take1, take2] = takes(&training.optimizer);
    let constants = Constants {
        count,
        after,
        clip: training.clip_norm.unwrap_or(0.0),
        maximize: training.maximize,
        rule,
        take1,
        take2,
        decay: decay(&training.optimizer),
    };
    control::call(Axes { scaled, nesterov: rule.is_none() }, constants, bindings)
}

/// How the update depends on its number. `None` for NAdam, which has the axis `nesterov` for that.
const fn rule(optimizer: &Optimizer) -> Option<Rule> {
    match optimizer {
        Optimizer::Sgd { convention: Convention::Torch, .. } => Some(Rule::TorchSgd),
        Optimizer::Adam { convention: Convention::Torch, .. } => Some(Rule::TorchAdam),
        Optimizer::Adam { convention: Convention::Keras, .. } => Some(Rule::KerasAdam),
        Optimizer::Adagrad { .. } => Some(Rule::TorchAdagrad),
        Optimizer::Sgd { convention: Convention::Keras, .. } | Optimizer::RmsProp { .. } => Some(Rule::Constant),
        Optimizer::NAdam { .. } => None,
    }
}

/// The factors of a new value in the moving averages.
fn takes(optimizer: &Optimizer) -> [f64; 2] {
    match optimizer {
        Optimizer::Sgd { dampening, .. } => [1.0 - dampening, 1.0],
        Optimizer::Adam { beta1, beta2, .. } | Optimizer::NAdam { beta1, beta2, .. } => [1.0 - beta1, 1.0 - beta2],
        Optimizer::RmsProp { .. } | Optimizer::Adagrad { .. } => [1.0, 1.0],
    }
}

/// How fast the learning rate, or NAdam's momentum, decays with the update's number.
fn decay(optimizer: &Optimizer) -> f64 {
    match optimizer {
        Optimizer::NAdam { momentum_decay, .. } => momentum_decay * 0.96_f64.ln(),
        Optimizer::Adagrad { lr_decay, .. } => *lr_decay,
        Optimizer::Sgd { .. } | Optimizer::RmsProp { .. } | Optimizer::Adam { .. } => 0.0,
    }
}
