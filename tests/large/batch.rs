//! Activations of two bindings: a batch is trained on as its samples are one by one.

use std::sync::Arc;

use atrous_golden::fill;
use atrous_gpu::{Device, InputData, Parameters, StepOptions, StepResult, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{Conv2d, Coordinates, Padding, Resize, Unary};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

use crate::{device, mean_square};

const BATCH: usize = 8;
const SIDE: usize = 512;
const CHANNELS: usize = 32;

/// A network whose second map has 268,435,456 bytes for a batch of eight: two bindings, and all that a buffer may have.
fn network(batch: usize) -> Result<(Graph, Training), GraphError> {
    let mut graph = Graph::new();
    let conv = Op::Conv2d(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() });
    let x = graph.input("x", Shape::new(batch, SIDE / 2, SIDE / 2, 3), DType::F32)?;
    let first = graph.parameter("first", Shape::new(3, 3, 3, CHANNELS), Layout::Filter)?;
    let second = graph.parameter("second", Shape::new(3, 3, CHANNELS, 4), Layout::Filter)?;
    let y = graph.add("conv1", conv, &[x, first])?;
    let y = graph.add("up", Op::Resize(Resize::bilinear(SIDE, SIDE, Coordinates::HalfPixel)), &[y])?;
    let y = graph.add("relu", Op::Unary(Unary::Relu), &[y])?;
    let y = graph.add("conv2", conv, &[y, second])?;
    let loss = mean_square(&mut graph, y)?;
    let parameters = [first, second];
    let gradients = backward(&mut graph, &[(loss, 1.0)], &parameters, &Recompute::default())?;
    let gradients = parameters.into_iter().zip(gradients).map(|(p, g)| (p, g.expect("the loss depends on it")));
    let training = Training::new(loss, gradients, Optimizer::sgd(0.9)).accumulate(true);
    Ok((graph, training))
}

fn session(device: &Device, batch: usize) -> (TrainingSession, Arc<Parameters>) {
    let (graph, training) = network(batch).expect("a legal graph");
    let values = |(_, node): (NodeId, &atrous_graph::Node)| {
        (node.name.clone(), fill::uniform(&node.name, node.ty.shape.len(), 0.0, 0.3))
    };
    let values: std::collections::HashMap<String, Vec<f32>> = graph.parameters().map(values).collect();
    let parameters = Arc::new(Parameters::upload(device, &graph, &values).expect("parameters"));
    let made = TrainingSession::new(device, &graph, &[], &training, parameters.clone()).expect("a session");
    (made, parameters)
}

fn step(session: &mut TrainingSession, x: &[f32], options: StepOptions) -> StepResult {
    let given: [(&str, InputData<'_>); 1] = [("x", x.into())];
    session.step_blocking(&given, options).expect("a step");
    session.finish_blocking().expect("a result").expect("of the step")
}

#[test]
fn a_batch_of_two_bindings_trains_as_its_samples() {
    let device = device();
    let len = SIDE * SIDE / 4 * 3;
    let x = fill::uniform("x", BATCH * len, 0.0, 1.0);
    let (mut whole, at_once) = session(&device, BATCH);
    let largest = whole.plan().tensors.iter().flatten().map(|tensor| tensor.place.bytes).max();
    assert_eq!(largest, Some(2 * device.target().limits.max_binding));
    let want = step(&mut whole, &x, StepOptions::new(0.1, 1));
    drop(whole);
    let (mut single, one_by_one) = session(&device, 1);
    let mut loss = 0.0;
    for (i, sample) in x.chunks_exact(len).enumerate() {
        let options = StepOptions { update: i + 1 == BATCH, scale: 1.0 / BATCH as f64, ..StepOptions::new(0.1, 1) };
        loss += step(&mut single, sample, options).loss / BATCH as f32;
    }
    assert!((want.loss - loss).abs() <= 1e-5 * loss, "{} and {loss}", want.loss);
    let [want, got] = [at_once, one_by_one].map(|p| p.download_blocking().expect("the parameters"));
    for (name, got) in got {
        let largest = got.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (i, (got, want)) in got.iter().zip(&want[&name]).enumerate() {
            assert!((got - want).abs() <= 2e-5 * largest, "{name}[{i}]: {got} and {want}");
        }
    }
}
