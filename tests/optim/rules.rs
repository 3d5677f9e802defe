//! Every rule with every option, five steps against their definition.

use atrous_cpu::OptimizerStep;
use atrous_gpu::{Device, StepOptions};
use atrous_graph::Shape;
use atrous_graph::optim::{Convention, Optimizer};
use atrous_tests::device;

use crate::network::{Network, Way, step};
use crate::reference::Snapshot;

fn check(device: &Device, rule: Optimizer, weight_decay: f64, way: Way) {
    for maximize in [false, true] {
        check_five_steps(device, rule, weight_decay, way, maximize);
    }
}

fn check_five_steps(device: &Device, rule: Optimizer, weight_decay: f64, way: Way, maximize: bool) {
    let shapes = [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11)), ("r", Shape::channels(5000))];
    let mut network = Network::new(&shapes, rule, weight_decay, way);
    network.training.maximize = maximize;
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
            let step = OptimizerStep { lr, weight_decay, number, maximize };
            before.check_step(&after, &rule, step, (name, shape), &gradients[name]);
        }
        before = after;
    }
}

/// One step of this number, whatever came before.
fn check_step(device: &Device, rule: Optimizer, number: u64) {
    let shapes = [("p", Shape::channels(50))];
    let network = Network::new(&shapes, rule, 0.0, Way::Placed);
    let parameters = network.upload(device, &network.values());
    let mut session = network.session(device, &[], &parameters);
    step(&mut session, 0.5, &network.gradients(1), StepOptions::new(0.01, 1));
    let before = Snapshot::take(&session, &parameters);
    let gradients = network.gradients(2);
    assert!(step(&mut session, 0.5, &gradients, StepOptions::new(0.01, number)).applied);
    let step = OptimizerStep { lr: 0.01, weight_decay: 0.0, number, maximize: false };
    before.check_step(&Snapshot::take(&session, &parameters), &rule, step, ("p", Shape::channels(50)), &gradients["p"]);
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
        for (decoupled, amsgrad) in [(false, false), (false, true), (true, false), (true, true)] {
            for (beta1, beta2, eps, decay) in [(0.9, 0.999, 1e-8, 0.0), (0.8, 0.99, 1e-6, 0.1)] {
                let rule = Optimizer::Adam { beta1, beta2, eps, decoupled, amsgrad, convention };
                check(&device, rule, decay, Way::Placed);
            }
        }
    }
}

#[test]
fn nadam() {
    let device = device();
    for (beta1, momentum_decay) in [(0.9, 0.004), (0.9, 1.0), (0.999, 1.0), (0.99, 0.0), (0.0, 0.5), (0.9, 1e30)] {
        for (decoupled, decay, eps) in [(false, 0.0, 1e-8), (true, 0.1, 1e-6), (false, 0.1, 1e-3)] {
            let rule = Optimizer::NAdam { beta1, beta2: 0.999, eps, momentum_decay, decoupled };
            check(&device, rule, decay, Way::Placed);
        }
    }
}

#[test]
fn adagrad() {
    let device = device();
    let adagrad = |lr_decay, initial_accumulator, eps, convention| Optimizer::Adagrad {
        lr_decay,
        initial_accumulator,
        eps,
        convention,
    };
    for (rule, decay) in [
        (adagrad(0.0, 0.0, 1e-10, Convention::Torch), 0.0),
        (adagrad(0.25, 0.5, 1e-6, Convention::Torch), 0.1),
        (adagrad(0.0, 0.1, 1e-7, Convention::Keras), 0.0),
        (adagrad(0.0, 0.0, 1e-3, Convention::Keras), 0.1),
    ] {
        check(&device, rule, decay, Way::Placed);
    }
}

/// What depends on the number of the step alone, for numbers that no test gets to step by step.
#[test]
fn late_steps() {
    let device = device();
    let nadam =
        |beta1, momentum_decay| Optimizer::NAdam { beta1, beta2: 0.999, eps: 1e-8, momentum_decay, decoupled: false };
    let adagrad =
        Optimizer::Adagrad { lr_decay: 0.01, initial_accumulator: 0.1, eps: 1e-10, convention: Convention::Torch };
    for rule in [nadam(0.9, 0.004), nadam(0.9, 1.0), nadam(0.99, 1.0), nadam(0.999, 0.1), adagrad] {
        for number in [2, 17, 200, 1_999, 100_000, 10_000_000] {
            check_step(&device, rule, number);
        }
    }
}
