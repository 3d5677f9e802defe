//! Steps on the device held to the definition of the update rules, tensor by tensor.

use atrous_cpu::{OptimizerStep, Tensor, Tolerance, Updated, compare, optimizer_magnitude, optimizer_step};
use atrous_gpu::{Parameters, TrainingSession};
use atrous_graph::Shape;
use atrous_graph::optim::Optimizer;

use crate::network::Values;

/// Parameters and state at one moment.
pub(crate) struct Snapshot {
    pub(crate) parameters: Values,
    pub(crate) state: Values,
}

impl Snapshot {
    pub(crate) fn take(session: &TrainingSession, parameters: &Parameters) -> Self {
        let parameters = parameters.download_blocking().expect("the parameters");
        Self { parameters, state: session.download_state_blocking().expect("the state") }
    }

    fn updated(&self, rule: &Optimizer, name: &str, shape: Shape) -> Updated {
        let tensor = |values: &Values, name: &str| Tensor::from_f32(shape, &values[name]);
        let state = rule.state().iter().map(|kind| tensor(&self.state, &format!("{kind}/{name}"))).collect();
        Updated { parameter: tensor(&self.parameters, name), state }
    }

    /// Checks that one step led from here to `after`.
    #[track_caller]
    pub(crate) fn check_step(
        &self,
        after: &Self,
        rule: &Optimizer,
        step: OptimizerStep,
        (name, shape): (&str, Shape),
        gradient: &[f32],
    ) {
        let (from, gradient) = (self.updated(rule, name, shape), Tensor::from_f32(shape, gradient));
        let want = optimizer_step(rule, step, &from, &gradient);
        let magnitude = optimizer_magnitude(rule, step, &from, &gradient);
        let judge = |what: &str, got: &[f32], want: &Tensor, magnitude: &Tensor| {
            if let Err(error) = compare(got, want, magnitude, Tolerance::F32) {
                panic!("{rule:?} {step:?} {what} of {name}: {error}");
            }
        };
        judge("value", &after.parameters[name], &want.parameter, &magnitude.parameter);
        for (kind, (want, magnitude)) in rule.state().iter().zip(want.state.iter().zip(&magnitude.state)) {
            judge(kind, &after.state[&format!("{kind}/{name}")], want, magnitude);
        }
    }
}
