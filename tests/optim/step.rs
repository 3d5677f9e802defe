//! What a step does besides its rule: groups, frozen parameters, clipping, running statistics, and steps that change nothing.

use atrous_cpu::OptimizerStep;
use atrous_gpu::StepOptions;
use atrous_graph::op::{Binary, RunningStat, Slice, Unary};
use atrous_graph::optim::{Convention, Optimizer, ParameterGroup};
use atrous_graph::{DType, Layout, Op, Shape};
use atrous_tests::device;

use crate::network::{Network, Way, close, inputs, step, uniform};
use crate::reference::Snapshot;

const SHAPES: [(&str, Shape); 3] =
    [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11)), ("r", Shape::new(1, 1, 2, 2))];

#[test]
fn groups_have_their_own_rate_and_decay_and_frozen_parameters_stay() {
    let device = device();
    let rule = Optimizer::sgd(0.9);
    let mut network = Network::new(&SHAPES, rule, 0.0, Way::Placed);
    let [p, q, r] = [0, 1, 2].map(|i| network.training.gradients[i].0);
    network.training.gradients.retain(|(parameter, _)| *parameter != r);
    network.training.groups = vec![
        ParameterGroup { parameters: vec![p], lr: 0.1, weight_decay: 0.0 },
        ParameterGroup { parameters: vec![q, r], lr: 2.0, weight_decay: 0.25 },
    ];
    let values = network.values();
    let parameters = network.upload(&device, &values);
    let mut session = network.session(&device, &[], &parameters);
    let mut before = Snapshot::take(&session, &parameters);
    for number in 1..=3 {
        let mut gradients = network.gradients(number);
        gradients.insert("r".to_owned(), vec![f32::NAN; 4]);
        assert!(step(&mut session, 1.0, &gradients, StepOptions::new(0.1, number)).applied);
        let after = Snapshot::take(&session, &parameters);
        for (name, shape, lr, weight_decay) in [("p", SHAPES[0].1, 0.01, 0.0), ("q", SHAPES[1].1, 0.2, 0.25)] {
            let step = OptimizerStep { lr, weight_decay, number, maximize: false };
            before.check_step(&after, &rule, step, (name, shape), &gradients[name]);
        }
        before = after;
    }
    assert_eq!(before.parameters["r"], values["r"], "frozen");
}

#[test]
fn the_norm_is_that_of_all_gradients_and_clips_them_together() {
    let device = device();
    for (way, clip) in [(Way::Placed, 0.5), (Way::Copied, 1e3)] {
        let mut network = Network::new(&SHAPES, Optimizer::sgd(0.0), 0.0, way);
        network.training.clip_norm = Some(clip);
        let values = network.values();
        let parameters = network.upload(&device, &values);
        let mut session = network.session(&device, &[], &parameters);
        let gradients = network.gradients(1);
        let squares = gradients.values().flatten().map(|g| f64::from(*g).powi(2));
        let norm = 0.5 * squares.sum::<f64>().sqrt();
        let result = step(&mut session, 0.0, &gradients, StepOptions { scale: 0.5, ..StepOptions::new(0.1, 1) });
        close("norm", &[result.gradient_norm], &[norm]);
        let factor = 0.5 * (clip / (norm + 1e-6)).min(1.0);
        let got = parameters.download_blocking().expect("the parameters");
        for (name, _) in SHAPES {
            let pairs = values[name].iter().zip(&gradients[name]);
            let want: Vec<f64> = pairs.map(|(p, g)| f64::from(*p) - 0.1 * factor * f64::from(*g)).collect();
            close(name, &got[name], &want);
        }
    }
}

#[test]
fn a_norm_over_millions_is_as_exact_as_f32() {
    let device = device();
    let network = Network::new(&[("p", Shape::new(1, 1, 1000, 1201))], Optimizer::sgd(0.0), 0.0, Way::Copied);
    let parameters = network.upload(&device, &network.values());
    let mut session = network.session(&device, &[], &parameters);
    let gradients = network.gradients(1);
    let norm = gradients["p"].iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    let got = f64::from(step(&mut session, 0.0, &gradients, StepOptions::new(0.1, 1)).gradient_norm);
    assert!((got - norm).abs() < 5e-7 * norm, "{got} {norm}");
}

#[test]
fn what_is_not_finite_changes_nothing() {
    let device = device();
    let mut network = Network::new(&SHAPES, Optimizer::adam(), 0.1, Way::Placed);
    let mean = network.graph.parameter("mean", Shape::channels(6), Layout::Image).expect("a parameter");
    let batch = network.graph.input("batch", Shape::channels(6), DType::F32).expect("an input");
    let next = Op::RunningStat(RunningStat { keep: 0.75, take: 0.25, sample: 0 });
    let next = network.graph.add("next mean", next, &[mean, batch]).expect("a node");
    network.training.assignments = vec![(mean, next)];
    network.training.accumulate = true;
    network.training.totals = vec![network.training.loss];
    let mut values = network.values();
    values.insert("mean".to_owned(), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let parameters = network.upload(&device, &values);
    let mut session = network.session(&device, &[], &parameters);
    let batch = vec![9.0f32; 6];
    let mut run = |loss: f32, gradients: &crate::network::Values, t: u64, update: bool| {
        let loss = [loss];
        let given = inputs(&loss, gradients);
        let given = [&given.list()[..], &[("batch", (&batch).into())]].concat();
        let options = StepOptions { update, ..StepOptions::new(0.1, t) };
        assert!(session.step_blocking(&given, options).expect("a step").is_none());
        let result = session.finish_blocking().expect("a result").expect("of the step");
        (result.applied, session.download_state_blocking().expect("the state"))
    };
    let gradients = network.gradients(1);
    assert!(run(1.0, &gradients, 1, true).0);
    let (before, state) =
        (parameters.download_blocking().expect("the parameters"), run(f32::NAN, &gradients, 2, false).1);
    assert_eq!(before["mean"], [3.0, 3.75, 4.5, 5.25, 6.0, 6.75]);
    let mut bad = network.gradients(2);
    bad.get_mut("q").expect("a gradient")[10] = f32::INFINITY;
    for (loss, gradients) in [(f32::NAN, &gradients), (f32::NEG_INFINITY, &gradients), (1.0, &bad)] {
        for update in [true, false] {
            let (applied, after) = run(loss, gradients, 2, update);
            assert!(!applied);
            assert_eq!(after, state);
            assert_eq!(parameters.download_blocking().expect("the parameters"), before);
        }
    }
    // Nor were bad gradients added up: with zeros the next update is that of zeros.
    let zeros = gradients.iter().map(|(name, g)| (name.clone(), vec![0.0; g.len()])).collect();
    assert!(run(1.0, &zeros, 2, true).0);
    assert_eq!(session.totals_blocking().expect("totals").f32("loss").expect("the loss"), [2.0]);
}

#[test]
fn a_gradient_may_be_shared_read_or_computed_from_another() {
    let device = device();
    let shape = Shape::channels(6);
    let shapes = [("a", shape), ("b", shape), ("c", shape), ("d", shape)];
    let mut network = Network::new(&shapes, Optimizer::sgd(0.0), 0.0, Way::Placed);
    let graph = &mut network.graph;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| graph.find(name).expect("a parameter"));
    let given = graph.find("grad a").expect("an input");
    let double = graph.add("double", Op::Binary(Binary::Add), &[given, given]).expect("a node");
    let four = graph.add("four", Op::Binary(Binary::Add), &[double, double]).expect("a node");
    let both = graph.add("both", Op::Binary(Binary::Add), &[four, double]).expect("a node");
    let alias = graph.add("alias", Op::StopGradient, &[both]).expect("a node");
    let sums = graph.input("sums", Shape::new(2, 1, 1, 6), DType::F32).expect("an input");
    let shifted = graph.add("shifted", Op::Unary(Unary::Relu), &[sums]).expect("a node");
    let size = Shape::channels(6);
    let slice = graph.add("slice", Op::Slice(Slice { start: [1, 0, 0, 0], size }), &[shifted]).expect("a node");
    network.training.gradients = vec![(a, double), (b, alias), (c, both), (d, slice)];
    let values = network.values();
    let parameters = network.upload(&device, &values);
    let mut session = network.session(&device, &[four], &parameters);
    let (g, sums) = (uniform("g", 6, 1.0), (0..12).map(|v| v as f32).collect::<Vec<_>>());
    let given = [("loss", [0.5f32].as_slice().into()), ("grad a", (&g).into()), ("sums", (&sums).into())];
    session.step_blocking(&given, StepOptions::new(1.0, 1)).expect("a step");
    let result = session.finish_blocking().expect("a result").expect("of the step");
    let times = |k: f32| g.iter().map(|v| k * v).collect::<Vec<f32>>();
    assert_eq!(result.outputs.f32("four").expect("an output"), times(4.0));
    let got = parameters.download_blocking().expect("the parameters");
    for (name, gradient) in [("a", times(2.0)), ("b", times(6.0)), ("c", times(6.0)), ("d", sums[6..].to_vec())] {
        let want: Vec<f64> = values[name].iter().zip(gradient).map(|(p, g)| f64::from(*p) - f64::from(g)).collect();
        close(name, &got[name], &want);
    }
}

#[test]
fn settings_that_do_not_fit_are_refused_by_name() {
    let device = device();
    let refused = |change: &dyn Fn(&mut Network)| {
        let mut network = Network::new(&SHAPES, Optimizer::sgd(0.9), 0.0, Way::Copied);
        change(&mut network);
        let parameters = network.upload(&device, &network.values());
        let error = atrous_gpu::TrainingSession::new(&device, &network.graph, &[], &network.training, parameters);
        error.expect_err("settings that do not fit").to_string()
    };
    let holds = |text: String, parts: &[&str]| assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    holds(refused(&|n| n.training.groups.clear()), &["\"p\"", "one group", "in 0"]);
    holds(refused(&|n| n.training.groups.push(n.training.groups[0].clone())), &["\"p\"", "in 2"]);
    holds(refused(&|n| n.training.groups[0].weight_decay = f64::NAN), &["weight decay", "NaN"]);
    holds(refused(&|n| n.training.clip_norm = Some(0.0)), &["clip", "0"]);
    holds(refused(&|n| n.training.loss = n.training.gradients[0].1), &["loss", "grad p", "1×3×5×7"]);
    holds(refused(&|n| n.training.gradients[0].1 = n.training.gradients[1].1), &["\"p\"", "1×3×5×7", "1×1×1×11"]);
    holds(refused(&|n| n.training.gradients[0].0 = n.training.gradients[0].1), &["grad p", "no parameter"]);
    holds(refused(&|n| n.training.assignments = vec![n.training.gradients[0]]), &["\"p\"", "twice"]);
    let convention = Convention::Keras;
    let odd = Optimizer::Sgd { momentum: 0.9, dampening: 0.5, nesterov: false, convention };
    holds(refused(&|n| n.training.optimizer = odd), &["dampening", "0.5"]);
}
