//! Every rule with every option, five steps against their definition.

use atrous_cpu::OptimizerStep;
use atrous_gpu::{Device, StepOptions};
use atrous_graph::Shape;
use atrous_graph::optim::{Convention, Optimizer};
use atrous_tests::device;

use crate::network::{Network, Way, step};
use crate::reference::Snapshot;

fn check(device: &Device, rule: Optimizer, weight_decay: f64, way: Way) {
    let shapes = [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11)), ("r", Shape::channels(5000))];
    let network = Network::new(&shapes, rule, weight_decay, way);
    let parameters = network.upload(device, &network.values());
    let mut session = network.session(device, &[], &parameters);
    let mut before = Snapshot::take(&session, &parameters);
    for number in 1..=5 {
        // A schedule: the rate differs from step to step.
        let lr = 0.01 / number as f64;
        let gradients = network.gradients(number);
        let result = step(&mut session, 0.5, &gradients, StepOptions::new(lr, number));
        assert!(result.applied && result.loss == 0.5 && result.step == number);
        let after = Snapshot::take(&session, &parameters);
        for (name, shape) in shapes {
            let step = OptimizerStep { lr, weight_decay, number };
            before.check_step(&after, &rule, step, (name, shape), &gradients[name]);
        }
        before = after;
    }
}

#[test]
fn sgd() {
    let device = device();
    let sgd = |momentum, dampening, nesterov, convention| Optimizer::Sgd { momentum, dampening, nesterov, convention };
    for (rule, decay, way) in [
        (sgd(0.0, 0.0, false, Convention::Torch), 0.0, Way::Copied),
        (sgd(0.0, 0.0, false, Convention::Keras), 0.1, Way::Placed),
        (sgd(0.9, 0.0, false, Convention::Torch), 0.1, Way::Placed),
        (sgd(0.9, 0.5, false, Convention::Torch), 0.0, Way::Copied),
        (sgd(0.8, 0.0, true, Convention::Torch), 0.05, Way::Copied),
        (sgd(0.9, 0.0, false, Convention::Keras), 0.0, Way::Copied),
        (sgd(0.8, 0.0, true, Convention::Keras), 0.01, Way::Placed),
    ] {
        check(&device, rule, decay, way);
    }
}

#[test]
fn rmsprop() {
    let device = device();
    for convention in [Convention::Torch, Convention::Keras] {
        for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
            for (decay, eps) in [(0.0, 1e-8), (0.1, 1e-3)] {
                let rule = Optimizer::RmsProp { alpha: 0.9, eps, momentum, centered, convention };
                check(&device, rule, decay, Way::Placed);
            }
        }
    }
}

#[test]
fn adam_and_adamw() {
    let device = device();
    for convention in [Convention::Torch, Convention::Keras] {
        for decoupled in [false, true] {
            for (beta1, beta2, eps, decay) in [(0.9, 0.999, 1e-8, 0.0), (0.8, 0.99, 1e-6, 0.1)] {
                let rule = Optimizer::Adam { beta1, beta2, eps, decoupled, convention };
                check(&device, rule, decay, Way::Placed);
            }
        }
    }
}
