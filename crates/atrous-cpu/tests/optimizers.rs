//! Optimizer steps against what PyTorch and Keras compute (`tests/golden`), and their error scales.

use std::path::PathBuf;
use std::{env, fs};

use atrous_cpu::{
    OptimizerStep, Tensor, Tolerance, Updated, clip_factor, compare, global_norm, optimizer_magnitude, optimizer_step,
};
use atrous_golden::fill;
use atrous_graph::Shape;
use atrous_graph::optim::{Convention, Optimizer};
use atrous_io::WeightFile;
use serde_json::Value;

fn folder() -> PathBuf {
    let bundled = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    env::var_os("ATROUS_GOLDEN_DIR").map_or_else(bundled, PathBuf::from)
}

fn cases() -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_slice(&fs::read(folder().join("ops.json")).unwrap()).unwrap();
    all.into_iter().filter(|case| case["op"] == "optimizer").collect()
}

/// The update rule that a case describes.
fn optimizer(case: &Value) -> Optimizer {
    let params = &case["params"];
    let number = |key: &str| params[key].as_f64();
    let flag = |key: &str| params[key].as_bool().unwrap_or(false);
    let convention = if case["framework"] == "keras" { Convention::Keras } else { Convention::Torch };
    let name = case["name"].as_str().unwrap();
    let momentum = number("momentum").unwrap_or(0.0);
    if name.contains("sgd") {
        let dampening = number("dampening").unwrap_or(0.0);
        return Optimizer::Sgd { momentum, dampening, nesterov: flag("nesterov"), convention };
    }
    let eps = number("eps").unwrap();
    if name.contains("rmsprop") {
        let alpha = number("alpha").or(number("rho")).unwrap();
        return Optimizer::RmsProp { alpha, eps, momentum, centered: flag("centered"), convention };
    }
    assert!(name.contains("adam"), "{name} is no known optimizer");
    let (beta1, beta2) = (number("beta1").unwrap(), number("beta2").unwrap());
    let (decoupled, amsgrad) = (name.contains("adamw"), flag("amsgrad"));
    Optimizer::Adam { beta1, beta2, eps, decoupled, amsgrad, convention }
}

fn input(case: &Value, name: &str) -> Tensor {
    let input = &case["inputs"][name];
    assert_eq!(input["kind"], "uniform");
    let count = input["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).product();
    let [offset, scale] = ["offset", "scale"].map(|key| input[key].as_f64().unwrap());
    let values = fill::uniform(input["fill"].as_str().unwrap(), count, offset, scale);
    Tensor::from_f32(Shape::channels(count), &values)
}

#[test]
fn steps_are_those_of_the_frameworks() {
    let cases = cases();
    assert!(!cases.is_empty());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (optimizer, params) = (optimizer(&case), &case["params"]);
        assert_eq!(optimizer.validate(), Ok(()), "{name}");
        let file = WeightFile::open(folder().join(case["file"].as_str().unwrap())).unwrap();
        let mut both = ["p", "q"].map(|p| Updated::new(&optimizer, input(&case, p)));
        for number in 1..=params["steps"].as_u64().unwrap() {
            let mut gradients = ["p", "q"].map(|p| input(&case, &format!("g{p}{number}")));
            if let Some(max) = params["clip_grad_norm"].as_f64() {
                let factor = clip_factor(global_norm(&[&gradients[0], &gradients[1]]), max);
                assert!(factor < 1.0, "{name}: step {number} is not clipped");
                gradients = gradients.map(|g| g.map(|v| v * factor));
            }
            let (lr, weight_decay) = (params["lr"].as_f64().unwrap(), params["weight_decay"].as_f64().unwrap_or(0.0));
            let step = OptimizerStep { lr, weight_decay, number, maximize: false };
            for ((updated, g), p) in both.iter_mut().zip(&gradients).zip(["p", "q"]) {
                let negative =
                    optimizer_step(&optimizer, OptimizerStep { maximize: true, ..step }, updated, &g.map(|v| -v));
                *updated = optimizer_step(&optimizer, step, updated, g);
                assert_eq!(negative, *updated, "{name}: PyTorch's maximize turns the gradient's sign before all else");
                let output = &case["outputs"][format!("{p}_steps")];
                let want = file.tensor(output["key"].as_str().unwrap()).unwrap().to_f32().unwrap();
                let count = updated.parameter.data.len();
                let want = &want[(number as usize - 1) * count..][..count];
                // Both are float64 results of float32 inputs, the stored one rounded once. But Keras computes the
                // powers of Adam's betas in float32, which the case's own tolerance allows for.
                let limit = |key: &str| output[key].as_f64().unwrap();
                let allowed = if case["framework"] == "keras" { limit("atol") } else { 1e-7 * limit("absmax") };
                for (i, (got, want)) in updated.parameter.data.iter().zip(want).enumerate() {
                    let error = (got - f64::from(*want)).abs();
                    assert!(error <= allowed, "{name}: {p}[{i}] after step {number} is {got}, not {want}");
                }
            }
        }
    }
}

/// Every rule in both conventions, with all combinations of momentum and centring.
fn rules() -> Vec<Optimizer> {
    let mut rules = Vec::new();
    for convention in [Convention::Torch, Convention::Keras] {
        for (momentum, dampening, nesterov) in
            [(0.0, 0.0, false), (0.9, 0.0, false), (0.8, 0.0, true), (0.7, 0.3, false)]
        {
            rules.push(Optimizer::Sgd { momentum, dampening, nesterov, convention });
        }
        for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
            rules.push(Optimizer::RmsProp { alpha: 0.9, eps: 1e-3, momentum, centered, convention });
        }
        for (decoupled, amsgrad) in [(false, false), (true, false), (false, true)] {
            rules.push(Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, decoupled, amsgrad, convention });
        }
        rules.push(Optimizer::Adagrad { lr_decay: 0.0, initial_accumulator: 0.1, eps: 1e-7, convention });
    }
    rules.push(Optimizer::Adagrad {
        lr_decay: 0.5,
        initial_accumulator: 0.0,
        eps: 1e-3,
        convention: Convention::Torch,
    });
    for (momentum_decay, decoupled) in [(0.004, false), (1.0, true)] {
        rules.push(Optimizer::NAdam { beta1: 0.9, beta2: 0.999, eps: 1e-8, momentum_decay, decoupled });
    }
    rules.retain(|rule| rule.validate().is_ok());
    rules
}

fn values(seed: &str) -> Tensor {
    Tensor::from_f32(Shape::channels(64), &fill::uniform(seed, 64, 0.0, 1.0))
}

/// The error scale accepts results rounded to f32. It rejects a step with a learning rate that is off by a percent, and
/// one without weight decay.
#[test]
fn error_scales_tell_right_from_wrong() {
    for rule in rules() {
        let mut at = Updated::new(&rule, values("p"));
        for number in 1..=3 {
            let step = OptimizerStep { lr: 0.1, weight_decay: 0.2, number, maximize: false };
            let g = values(&format!("g{number}"));
            let (want, scale) = (optimizer_step(&rule, step, &at, &g), optimizer_magnitude(&rule, step, &at, &g));
            let judge = |got: &Tensor, want: &Tensor, scale: &Tensor| {
                assert!(want.data.iter().zip(&scale.data).all(|(w, m)| *m >= w.abs() * (1.0 - 1e-12)), "{rule:?}");
                compare(&got.to_f32(), want, scale, Tolerance::F32)
            };
            let slower = OptimizerStep { lr: 0.099, ..step };
            let undecayed = OptimizerStep { weight_decay: 0.0, ..step };
            for wrong in [slower, undecayed] {
                let wrong = optimizer_step(&rule, wrong, &at, &g);
                assert!(judge(&wrong.parameter, &want.parameter, &scale.parameter).is_err(), "{rule:?} step {number}");
            }
            assert_eq!(judge(&want.parameter, &want.parameter, &scale.parameter), Ok(()));
            for (want, scale) in want.state.iter().zip(&scale.state) {
                assert_eq!(judge(want, want, scale), Ok(()));
            }
            at = Updated {
                parameter: want.parameter.rounded(),
                state: want.state.iter().map(Tensor::rounded).collect(),
            };
        }
    }
}

#[test]
fn dampening_spares_the_first_step() {
    let rule = Optimizer::Sgd { momentum: 0.5, dampening: 0.25, nesterov: false, convention: Convention::Torch };
    let g = Tensor::channels(&[4.0]);
    let step = |number| OptimizerStep { lr: 1.0, weight_decay: 0.0, number, maximize: false };
    let first = optimizer_step(&rule, step(1), &Updated::new(&rule, Tensor::channels(&[10.0])), &g);
    assert_eq!((first.parameter.data[0], first.state[0].data[0]), (6.0, 4.0));
    let second = optimizer_step(&rule, step(2), &first, &g);
    assert_eq!((second.parameter.data[0], second.state[0].data[0]), (1.0, 5.0));
}

/// Decoupled weight decay subtracts `lr*wd*p` before everything else: AdamW, and every optimizer of Keras.
#[test]
fn decoupled_decay_is_a_step_from_a_smaller_parameter() {
    for rule in rules() {
        let (step, g) = (OptimizerStep { lr: 0.1, weight_decay: 0.2, number: 2, maximize: false }, values("g"));
        let before = optimizer_step(&rule, OptimizerStep { number: 1, ..step }, &Updated::new(&rule, values("p")), &g);
        let smaller = Updated { parameter: before.parameter.map(|p| p - 0.1 * 0.2 * p), state: before.state.clone() };
        let got = optimizer_step(&rule, step, &before, &g);
        let want = optimizer_step(&rule, OptimizerStep { weight_decay: 0.0, ..step }, &smaller, &g);
        assert_eq!(got == want, rule.decouples(), "{rule:?}");
    }
    let decoupling = rules().iter().filter(|rule| rule.decouples()).count();
    assert_eq!(decoupling, 3 + 4 + 4 + 1 + 1, "of Keras SGD, RMSprop, Adam(W), Adagrad and NAdam, of PyTorch AdamW");
}

#[test]
fn norms_are_over_all_gradients() {
    let (a, b) = (Tensor::channels(&[3.0, 0.0]), Tensor::channels(&[-4.0]));
    assert_eq!(global_norm(&[&a, &b]), 5.0);
    assert_eq!(global_norm(&[]), 0.0);
    assert_eq!(clip_factor(5.0, 10.0), 1.0);
    assert!((clip_factor(5.0, 2.5) * 5.0 - 2.5).abs() < 1e-6);
    assert_eq!(clip_factor(0.0, 1e-3), 1.0);
}
