//! The first dense layer of VGG-16 (Simonyan and Zisserman 2015): 7×7×512 to 4096, 411,041,792 bytes of weights.

use std::sync::Arc;

use atrous_gpu::{Device, InputData, Parameters, Purpose, Session, StepOptions, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{Conv2d, Unary};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, ParameterSource, Shape, SourceError, TensorType};
use atrous_kernels::Limits;

use crate::{device, mean_square};

const BATCH: usize = 2;
const INPUTS: usize = 7 * 7 * 512;
const OUTPUTS: usize = 4096;
const LR: f64 = 0.5;

/// A repeatable number in -1..1.
fn number(i: usize) -> f32 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// The weight from an input to an output.
fn weight(k: usize, o: usize) -> f32 {
    number(k * OUTPUTS + o) / 64.0
}

/// Weights and biases, of which nothing is kept.
struct Fill;

impl ParameterSource for Fill {
    fn write(&self, name: &str, _: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        // Neither has any padding.
        let bias = name.ends_with("bias");
        device.iter_mut().enumerate().for_each(|(i, v)| *v = if bias { 0.1 * number(i) } else { number(i) / 64.0 });
        Ok(())
    }
}

fn image() -> Vec<f32> {
    (0..BATCH * INPUTS).map(|i| number(7 * i)).collect()
}

/// The layer and its activation; nodes are `x`, the weight, the bias, and the result.
fn layer() -> Result<(Graph, [NodeId; 4]), GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(BATCH, 7, 7, 512), DType::F32)?;
    let weight = graph.parameter("classifier.0.weight", Shape::new(7, 7, 512, OUTPUTS), Layout::Filter)?;
    let bias = graph.parameter("classifier.0.bias", Shape::channels(OUTPUTS), Layout::Image)?;
    let y = graph.add("classifier.0", Op::Conv2d(Conv2d::default()), &[x, weight, bias])?;
    let y = graph.add("classifier.1", Op::Unary(Unary::Relu), &[y])?;
    assert_eq!(graph.node(weight).ty.bytes(), 411_041_792);
    Ok((graph, [x, weight, bias, y]))
}

/// The layer's results in f64.
fn reference(x: &[f32]) -> Vec<f64> {
    let mut y = vec![0.0; BATCH * OUTPUTS];
    for (n, y) in y.chunks_exact_mut(OUTPUTS).enumerate() {
        for k in 0..INPUTS {
            let x = f64::from(x[n * INPUTS + k]);
            y.iter_mut().enumerate().for_each(|(o, y)| *y += x * f64::from(weight(k, o)));
        }
        y.iter_mut().enumerate().for_each(|(o, y)| *y = (*y + f64::from(0.1 * number(o))).max(0.0));
    }
    y
}

#[track_caller]
fn close(what: &str, got: f32, want: f64, largest: f64) {
    assert!((f64::from(got) - want).abs() <= 2e-5 * largest, "{what}: {got}, the reference has {want}");
}

fn open() -> Device {
    let device = device();
    assert_eq!(device.target().limits.max_binding, Limits::WEBGPU.max_binding);
    device
}

#[test]
fn it_runs_and_trains_under_the_default_limits() {
    let device = open();
    let (graph, [.., y]) = layer().expect("a legal graph");
    let parameters = Arc::new(Parameters::upload(&device, &graph, &Fill).expect("it lies in pieces"));
    let x = image();
    let want = reference(&x);
    let largest = want.iter().fold(0.0_f64, |m, v| m.max(*v));
    let mut session = Session::new(&device, &graph, &[y], parameters.clone()).expect("a session");
    assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
    let run = session.run_blocking(&[("x", (&x).into())]).expect("a run");
    let got = run.f32("classifier.1").expect("the result");
    got.iter().zip(&want).enumerate().for_each(|(i, (got, want))| close(&format!("y[{i}]"), *got, *want, largest));
    drop(session);
    train(&device, parameters, &x, &want);
}

/// One step by half the gradient of the mean square, `2 y / (2 BATCH)` at each result.
fn train(device: &Device, parameters: Arc<Parameters>, x: &[f32], y: &[f64]) {
    let (mut graph, [image, weights, bias, result]) = layer().expect("a legal graph");
    let loss = mean_square(&mut graph, result).expect("a loss");
    let wrt = [weights, bias, image];
    let gradients = backward(&mut graph, &[(loss, 1.0)], &wrt, &Recompute::default()).expect("gradients");
    let gradients: Vec<NodeId> = gradients.into_iter().map(|g| g.expect("the loss depends on it")).collect();
    let pairs = [(weights, gradients[0]), (bias, gradients[1])];
    let training = Training::new(loss, pairs, Optimizer::sgd(0.9));
    let outputs = [gradients[2]];
    let mut session =
        TrainingSession::new(device, &graph, &outputs, &training, parameters.clone()).expect("a training session");
    let purpose = Purpose::Training { training: &training, outputs: &outputs };
    let predicted = device.compile(&graph, &purpose).expect("a plan").plan.peak_bytes();
    assert_eq!(predicted, session.measured_bytes());
    assert!((1_233_000_000..1_400_000_000).contains(&predicted), "three times the weights: {predicted}");
    let given: [(&str, InputData<'_>); 1] = [("x", x.into())];
    assert!(session.step_blocking(&given, StepOptions::new(LR, 1)).expect("a step").is_none());
    let step = session.finish_blocking().expect("a result").expect("of the step");
    assert!(step.applied);

    let dy: Vec<f64> = y.iter().map(|y| 2.0 * y / BATCH as f64).collect();
    let of_weight =
        |k: usize, o: usize| -> f64 { (0..BATCH).map(|n| f64::from(x[n * INPUTS + k]) * dy[n * OUTPUTS + o]).sum() };
    let most = dy.iter().fold(0.0_f64, |m, v| m.max(*v));
    let dx = step.outputs[0].f32().expect("the image's gradient");
    for k in (0..INPUTS).step_by(997) {
        let want = (0..OUTPUTS).map(|o| dy[o] * f64::from(weight(k, o))).sum();
        close(&format!("dx[{k}]"), dx[k], want, most);
    }
    let state = session.download_state_blocking().expect("the state");
    let momentum = &state["momentum/classifier.0.weight"];
    let after = parameters.download_blocking().expect("the parameters");
    let trained = &after["classifier.0.weight"];
    assert_eq!((momentum.len(), trained.len()), (INPUTS * OUTPUTS, INPUTS * OUTPUTS));
    for k in (0..INPUTS).step_by(83) {
        // The channels on both sides of each cut, and some others.
        for o in (0..OUTPUTS).step_by(333).chain([0, 1023, 1024, 2047, 2048, 3071, 3072, 4095]) {
            let (i, gradient) = (k * OUTPUTS + o, of_weight(k, o));
            close(&format!("momentum[{k}, {o}]"), momentum[i], gradient, BATCH as f64 * most);
            close(
                &format!("weight[{k}, {o}]"),
                trained[i],
                f64::from(weight(k, o)) - LR * gradient,
                BATCH as f64 * most,
            );
        }
    }
}
