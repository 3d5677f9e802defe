//! The kernels of update rules.

use atrous_graph::optim::{Convention, Optimizer};
use atrous_shaders::Call;
use atrous_shaders::optim::{adagrad, adam, rmsprop, sgd};

use crate::place::Place;

/// The bindings that the kernels of all rules have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Updated<'a> {
    pub(crate) gradient: Place,
    pub(crate) chunks: Place,
    pub(crate) control: Place,
    pub(crate) parameters: Place,
    /// In the order of [`Optimizer::state`].
    pub(crate) state: &'a [Place],
}

/// The update of `count` chunks.
pub(crate) fn update(optimizer: &Optimizer, count: usize, updated: &Updated<'_>) -> Call<Place> {
    let decoupled = optimizer.decouples();
    let is_keras = |convention| convention == Convention::Keras;
    match *optimizer {
        Optimizer::Sgd { momentum, nesterov, convention, .. } => {
            let brought = sgd::Momentum { momentum, nesterov, keras: is_keras(convention) };
            let axes = sgd::Axes { momentum: (momentum != 0.0).then_some(brought) };
            updated.sgd(axes, sgd::Constants { count, decoupled })
        }
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            let brought = rmsprop::Momentum { momentum };
            let axes = rmsprop::Axes { momentum: (momentum != 0.0).then_some(brought), centered };
            let (take, keras) = (1.0 - alpha, is_keras(convention));
            updated.rmsprop(axes, rmsprop::Constants { count, decoupled, alpha, take, eps, keras })
        }
        Optimizer::Adam { beta1, beta2, eps, amsgrad, .. } => {
            let (take1, take2) = (1.0 - beta1, 1.0 - beta2);
            let constants = adam::Constants { count, decoupled, beta1, take1, beta2, take2, eps };
            updated.adam(adam::Axes { amsgrad, nesterov: false }, constants)
        }
        Optimizer::NAdam { beta1, beta2, eps, .. } => {
            let (take1, take2) = (1.0 - beta1, 1.0 - beta2);
            let constants = adam::Constants { count, decoupled, beta1, take1, beta2, take2, eps };
            updated.adam(adam::Axes { amsgrad: false, nesterov: true }, constants)
        }
        Optimizer::Adagrad { eps, convention, .. } => {
            updated.adagrad(adagrad::Constants { count, decoupled, eps, keras: is_keras(convention) })
        }
    }
}

impl Updated<'_> {
    fn sgd(&self, axes: sgd::Axes, constants: sgd::Constants) -> Call<Place> {
        let Self { gradient: g, chunks, control, parameters: p, state } = *self;
        sgd::call(axes, constants, sgd::Bindings { g, chunks, control, p, v: state.first().copied() })
    }

    fn rmsprop(&self, axes: rmsprop::Axes, constants: rmsprop::Constants) -> Call<Place> {
        let Self { gradient: g, chunks, control, parameters: p, state } = *self;
        // The state is the square, then the momentum and the mean, as far as the rule has them.
        let v = state.get(1).filter(|_| axes.momentum.is_some()).copied();
        let n = state.last().filter(|_| axes.centered).copied();
        rmsprop::call(axes, constants, rmsprop::Bindings { g, chunks, control, p, s: state[0], v, n })
    }

    fn adam(&self, axes: adam::Axes, constants: adam::Constants) -> Call<Place> {
        let Self { gradient: g, chunks, control, parameters: p, state } = *self;
        let (m, s, x) = (state[0], state[1], state.get(2).copied());
        adam::call(axes, constants, adam::Bindings { g, chunks, control, p, m, s, x })
    }

    fn adagrad(&self, constants: adagrad::Constants) -> Call<Place> {
        let Self { gradient: g, chunks, control, parameters: p, state } = *self;
        adagrad::call(constants, adagrad::Bindings { g, chunks, control, p, s: state[0] })
    }
}
