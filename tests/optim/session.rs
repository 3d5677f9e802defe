//! Sessions: late results, many buffers, memory, totals, checkpoints, equal bits.

use std::collections::BTreeSet;
use std::sync::Arc;

use atrous_gpu::{
    AdapterChoice, Counters, Device, DeviceOptions, GpuError, Parameters, Session, StepOptions, TrainingSession,
};
use atrous_graph::Op;
use atrous_graph::Shape;
use atrous_graph::op::{Binary, Unary};
use atrous_graph::optim::{Convention, Optimizer};
use atrous_kernels::Target;
use atrous_kernels::plan::BufferKind;
use atrous_tests::device;

use crate::network::{Network, Values, Way, close, inputs, step};

const SHAPES: [(&str, Shape); 2] = [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11))];

fn train(session: &mut TrainingSession, network: &Network, steps: std::ops::RangeInclusive<u64>) {
    for t in steps {
        assert!(step(session, 0.5, &network.gradients(t), StepOptions::new(0.01, t)).applied);
    }
}

#[test]
fn results_come_back_one_step_late() {
    let device = device();
    let network = Network::new(&SHAPES, Optimizer::sgd(0.0), 0.0, Way::Placed);
    let parameters = network.upload(&device, &network.values());
    let output = network.training.loss;
    let mut session = network.session(&device, &[output], &parameters);
    assert!(session.finish_blocking().expect("nothing yet").is_none());
    for t in 1..=6_u64 {
        let gradients = network.gradients(t);
        let loss = [t as f32];
        let given = inputs(&loss, &gradients);
        let before = if t % 2 == 0 {
            session.step_blocking(&given.list(), StepOptions::new(0.01, t)).expect("a step")
        } else {
            let list = given.list();
            pollster::block_on(session.step(&list, StepOptions::new(0.01, t))).expect("a step")
        };
        assert_eq!(before.as_ref().map(|r| r.step), (t > 1).then_some(t - 1));
        let losses = before.map(|r| (r.loss, r.outputs.f32("loss").expect("an output").to_vec()));
        assert_eq!(losses, (t > 1).then(|| (t as f32 - 1.0, vec![t as f32 - 1.0])));
    }
    assert_eq!(session.finish_blocking().expect("the last").map(|r| r.step), Some(6));
    assert!(session.finish_blocking().expect("taken").is_none());
    let dispatches = 6 * session.plan().dispatches() as u64;
    assert_eq!(session.counters(), Counters { uploads: 6, passes: 6, submits: 6, readbacks: 6, dispatches });
}

#[test]
fn parameters_over_several_buffers_are_all_updated() {
    let device = device();
    let shapes: Vec<(String, Shape)> =
        (0..40).map(|i| (format!("p{i}"), Shape::new(1, 1, 1 + i % 7, 1 + 5 * i))).collect();
    let shapes: Vec<(&str, Shape)> = shapes.iter().map(|(name, shape)| (name.as_str(), *shape)).collect();
    let rule =
        Optimizer::RmsProp { alpha: 0.9, eps: 1e-3, momentum: 0.9, centered: true, convention: Convention::Torch };
    let mut network = Network::new(&shapes, rule, 0.1, Way::Placed);
    network.training.accumulate = true;
    network.training.clip_norm = Some(3.0);
    let run = |target: &Target| {
        let values = network.values();
        let parameters = Parameters::upload_for(&device, &network.graph, &values, &target.limits).expect("parameters");
        let parameters = Arc::new(parameters);
        let mut session = network.session_for(&device, target, &parameters);
        train(&mut session, &network, 1..=3);
        assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
        let buffers = session.plan().buffers.iter().filter(|b| matches!(b.kind, BufferKind::Parameters(_))).count();
        (buffers, parameters.download_blocking().expect("the parameters"))
    };
    let mut target = device.target();
    let (one, want) = run(&target);
    (target.limits.max_binding, target.limits.alignment) = (8_192, 256);
    let (many, got) = run(&target);
    assert!(one == 1 && many > 3, "{one} and {many} buffers");
    assert_eq!(got.keys().collect::<BTreeSet<_>>(), want.keys().collect());
    for (name, got) in got {
        // The norm is summed in another order.
        close(&name, &got, &want[&name].iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    }
}

#[test]
fn two_trainings_have_the_same_bits_and_one_interrupted_too() {
    let device = device();
    for rule in [Optimizer::sgd(0.9), Optimizer::adamw(), Optimizer::rmsprop()] {
        let network = Network::new(&SHAPES, rule, 0.1, Way::Placed);
        let whole = || {
            let parameters = network.upload(&device, &network.values());
            let mut session = network.session(&device, &[], &parameters);
            train(&mut session, &network, 1..=5);
            (parameters.download_blocking().expect("parameters"), session.download_state_blocking().expect("state"))
        };
        let want = whole();
        assert_eq!(whole(), want);
        let parameters = network.upload(&device, &network.values());
        let mut session = network.session(&device, &[], &parameters);
        train(&mut session, &network, 1..=2);
        let (saved, state) = (parameters.download_blocking().expect("parameters"), session.download_state_blocking());
        let state = state.expect("state");
        assert_eq!(state.len(), rule.state().len() * 2);
        assert!(rule.state().iter().all(|kind| state.contains_key(&format!("{kind}/p"))));
        // Into memory that another training has used.
        let other = network.upload(&device, &network.values());
        let mut session = network.session(&device, &[], &other);
        train(&mut session, &network, 7..=8);
        for (name, values) in &saved {
            other.write(name, values).expect("a parameter");
        }
        session.upload_state(&state).expect("the state");
        assert_eq!(other.download_blocking().expect("parameters"), saved);
        train(&mut session, &network, 3..=5);
        assert_eq!(other.download_blocking().expect("parameters"), want.0);
        assert_eq!(session.download_state_blocking().expect("state"), want.1);
    }
}

#[test]
fn wrong_state_is_refused_before_anything_is_written() {
    let device = device();
    let network = Network::new(&SHAPES, Optimizer::sgd(0.9), 0.0, Way::Copied);
    let parameters = network.upload(&device, &network.values());
    let session = network.session(&device, &[], &parameters);
    let state = session.download_state_blocking().expect("state");
    assert!(state.values().flatten().all(|v| *v == 0.0));
    let changed = |change: &dyn Fn(&mut Values)| {
        let mut state = state.clone();
        change(&mut state);
        session.upload_state(&state).expect_err("wrong state").to_string()
    };
    let text = changed(&|s| drop(s.remove("momentum/q")));
    assert!(text.contains("momentum/q") && text.contains("momentum/p"), "{text}");
    let text = changed(&|s| drop(s.insert("mean/q".to_owned(), vec![])));
    assert!(text.contains("mean/q"), "{text}");
    let text = changed(&|s| drop(s.insert("momentum/q".to_owned(), vec![1.0; 3])));
    assert!(text.contains("needs 11 values, got 3"), "{text}");
    assert!(matches!(parameters.write("z", &[]).expect_err("no such"), GpuError::UnknownTensor { .. }));
    assert!(matches!(parameters.write("q", &[]).expect_err("too short"), GpuError::TensorLength { .. }));
}

#[test]
fn an_inference_session_sees_the_updates() {
    let device = device();
    let mut network = Network::new(&SHAPES, Optimizer::sgd(0.0), 0.0, Way::Copied);
    let q = network.graph.find("q").expect("a parameter");
    let seen = network.graph.add("seen", Op::Binary(Binary::Add), &[q, q]).expect("a node");
    let parameters = network.upload(&device, &network.values());
    let mut training = network.session(&device, &[], &parameters);
    let mut inference = Session::new(&device, &network.graph, &[seen], parameters.clone()).expect("a session");
    for t in 1..=2 {
        train(&mut training, &network, t..=t);
        let want: Vec<f32> = parameters.download_blocking().expect("parameters")["q"].iter().map(|v| v + v).collect();
        assert_eq!(inference.run_blocking(&[]).expect("a run").f32("seen").expect("an output"), want);
    }
    assert_ne!(parameters.download_blocking().expect("parameters"), network.values());
}

#[test]
fn totals_are_summed_until_they_are_taken() {
    let device = device();
    let mut network = Network::new(&SHAPES, Optimizer::sgd(0.0), 0.0, Way::Copied);
    let given = network.graph.find("grad p").expect("an input");
    let counted = network.graph.add("counted", Op::Unary(Unary::Relu), &[given]).expect("a node");
    network.training.totals = vec![network.training.loss, counted];
    let parameters = network.upload(&device, &network.values());
    let mut session = network.session(&device, &[], &parameters);
    for round in 0..2 {
        let mut want = vec![0.0f32; 105];
        for t in 1..=3 {
            let mut gradients = network.gradients(t + round);
            gradients.get_mut("p").expect("there").iter_mut().for_each(|v| *v = (*v * 8.0).round());
            want.iter_mut().zip(&gradients["p"]).for_each(|(w, g)| *w += g.max(0.0));
            step(&mut session, 0.25, &gradients, StepOptions::new(0.01, t));
        }
        let totals = session.totals_blocking().expect("totals");
        assert_eq!(totals.f32("loss").expect("a total"), [0.75]);
        assert_eq!(totals.f32("counted").expect("a total"), want);
    }
}

#[test]
fn the_memory_is_as_predicted_and_a_budget_names_its_parts() {
    let mut network = Network::new(&SHAPES, Optimizer::adam(), 0.0, Way::Placed);
    network.training.accumulate = true;
    network.training.totals = vec![network.training.loss];
    let device = device();
    let parameters = network.upload(&device, &network.values());
    let session = network.session(&device, &[network.training.loss], &parameters);
    assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
    let flat = session.plan().parameter_bytes();
    assert_eq!((session.plan().gradient_bytes(), session.plan().state_bytes()), (2 * flat, 2 * flat));

    let from_env = DeviceOptions::from_env().expect("a legal environment");
    let options = DeviceOptions { memory_budget: Some(session.plan().peak_bytes() - 1), ..from_env };
    let device = Device::open_blocking(&AdapterChoice::from_env(), options).expect("the suite needs an adapter");
    let parameters = network.upload(&device, &network.values());
    let error = TrainingSession::new(&device, &network.graph, &[], &network.training, Arc::clone(&parameters));
    assert!(error.is_ok(), "without the output it fits");
    let outputs = [network.training.loss];
    let error = TrainingSession::new(&device, &network.graph, &outputs, &network.training, parameters);
    let text = error.expect_err("one byte too much").to_string();
    assert!(text.contains(&format!("{} for gradients, {} for the optimizer", 2 * flat, 2 * flat)), "{text}");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let device = device();
    let network = Network::new(&SHAPES, Optimizer::adam(), 0.0, Way::Copied);
    let parameters = network.upload(&device, &network.values());
    let mut session = network.session(&device, &[], &parameters);
    let gradients = network.gradients(1);
    let given = inputs(&[0.0], &gradients);
    let good = StepOptions::new(0.1, 1);
    for (options, text) in [
        (StepOptions { lr: f64::NAN, ..good }, "learning rate must be finite and not negative, got NaN"),
        (StepOptions { lr: -0.5, ..good }, "got -0.5"),
        (StepOptions { step: 0, ..good }, "number must be at least 1, got 0"),
        (StepOptions { scale: 0.0, ..good }, "gradient scale must be finite and positive, got 0"),
        (StepOptions { update: false, ..good }, "does not accumulate"),
    ] {
        let error = session.step_blocking(&given.list(), options).expect_err("a bad option").to_string();
        assert!(error.contains(text), "{error}");
    }
    let error = session.step_blocking(&[], good).expect_err("no inputs");
    assert!(matches!(error, GpuError::Input(_)), "{error}");
    assert_eq!(session.counters(), Counters::default(), "a refused step submits nothing");
}
