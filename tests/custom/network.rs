//! Networks that have operations of their own: run, trained, profiled, tuned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrous_cpu::{Tensor, run};
use atrous_gpu::{
    AdapterChoice, Device, DeviceOptions, GpuError, Parameters, PipelineCache, Session, StepOptions, TrainingSession,
    Tuning,
};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{Binary, Conv2d, Padding, Reduce};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::passes::Precision;
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_tests::device;

use crate::ops::{BELL, PEAK};

/// Learning rate: a number that f32 holds. At 0.1 the loss leaps from 3 to 8,107, and what is left of it a step later is the difference of
/// large numbers.
const RATE: f64 = 1.0 / 128.0;

const IMAGE: Shape = Shape::new(2, 6, 7, 3);

/// Convolution, bell, convolution.
fn network() -> (Graph, NodeId) {
    let mut graph = Graph::new();
    let conv = Op::Conv2d(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() });
    let x = graph.input("x", IMAGE, DType::F32).expect("an input");
    let a = graph.parameter("a", Shape::new(3, 3, 3, 5), Layout::Filter).expect("a filter");
    let b = graph.parameter("b", Shape::new(3, 3, 5, 2), Layout::Filter).expect("a filter");
    let y = graph.add("conv1", conv, &[x, a]).expect("a convolution");
    let y = graph.add("bell", Op::custom(BELL), &[y]).expect("an operation");
    let y = graph.add("conv2", conv, &[y, b]).expect("a convolution");
    (graph, y)
}

/// The network and its loss, the mean square of its result, with their gradients.
fn training() -> (Graph, Training) {
    let (mut graph, y) = network();
    let square = graph.add("square", Op::Binary(Binary::Mul), &[y, y]).expect("a product");
    let mean = graph.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[square]).expect("a mean");
    let loss = graph.add("loss", Op::ChannelSum, &[mean]).expect("a sum");
    let parameters: Vec<NodeId> = graph.parameters().map(|(id, _)| id).collect();
    let gradients = backward(&mut graph, &[(loss, 1.0)], &parameters, &Recompute::default()).expect("gradients");
    let gradients = parameters.into_iter().zip(gradients).map(|(p, g)| (p, g.expect("the loss depends on it")));
    let training = Training::new(loss, gradients, Optimizer::sgd(0.0));
    (graph, training)
}

/// Values of all inputs and parameters.
fn values(graph: &Graph) -> HashMap<String, Vec<f32>> {
    let sources = graph.inputs().chain(graph.parameters());
    let fill = |len: usize| (0..len).map(|i| ((i * 37 + len) % 64) as f32 / 64.0 - 0.5).collect();
    sources.map(|(_, node)| (node.name.clone(), fill(node.ty.shape.len()))).collect()
}

fn tensors(graph: &Graph, values: &HashMap<String, Vec<f32>>) -> HashMap<String, Tensor> {
    let shape = |name: &str| graph.shape(graph.find(name).expect("a source"));
    values.iter().map(|(name, v)| (name.clone(), Tensor::from_f32(shape(name), v))).collect()
}

/// A step in f64: the loss before it.
fn step(graph: &Graph, training: &Training, values: &mut HashMap<String, Tensor>, rate: f64) -> f64 {
    let wanted: Vec<NodeId> = training.gradients.iter().map(|(_, g)| *g).chain([training.loss]).collect();
    let mut results = run(graph, values, &wanted).expect("values of all");
    let loss = results.pop().expect("the loss").data[0];
    for ((parameter, _), gradient) in training.gradients.iter().zip(results) {
        let value = values.get_mut(&graph.node(*parameter).name).expect("its value");
        value.data.iter_mut().zip(gradient.data).for_each(|(v, g)| *v -= rate * g);
    }
    loss
}

fn close(what: &str, got: &[f32], want: &Tensor, rtol: f64) {
    let largest = want.data.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (i, (got, want)) in got.iter().zip(&want.data).enumerate() {
        assert!((f64::from(*got) - want).abs() <= rtol * largest, "{what}[{i}]: {got}, want {want}");
    }
}

fn session(device: &Device, graph: &Graph, outputs: &[NodeId]) -> Session {
    let parameters = Parameters::upload(device, graph, &values(graph)).expect("values of all");
    Session::new(device, graph, outputs, Arc::new(parameters)).unwrap_or_else(|e| panic!("{e}"))
}

fn open(options: DeviceOptions) -> Device {
    Device::open_blocking(&AdapterChoice::from_env(), options).expect("the suite needs an adapter")
}

#[test]
fn it_runs_as_in_f64_in_both_precisions() {
    let (graph, y) = network();
    let values = values(&graph);
    let want = run(&graph, &tensors(&graph, &values), &[y]).expect("values of all").remove(0);
    for (precision, rtol) in [(Precision::F32, 1e-5), (Precision::F16, 4e-3)] {
        if precision == Precision::F16 && !device().target().f16 {
            continue;
        }
        let device = open(DeviceOptions { precision, ..DeviceOptions::from_env().expect("a legal environment") });
        let mut session = session(&device, &graph, &[y]);
        let result = session.run_blocking(&[("x", (&values["x"]).into())]).expect("a run");
        close("conv2", result.f32("conv2").expect("the result"), &want, rtol);
        let dispatch = session.plan().steps.iter().find(|step| step.name == "bell").expect("a step");
        let half = dispatch.operation.output.dtype == DType::F16;
        assert_eq!(half, precision == Precision::F16, "{}", session.plan());
    }
}

#[test]
fn it_learns_as_in_f64() {
    let (graph, training) = training();
    let device = device();
    let values = values(&graph);
    let mut reference = tensors(&graph, &values);
    let uploaded = Arc::new(Parameters::upload(&device, &graph, &values).expect("values of all"));
    let mut session = TrainingSession::new(&device, &graph, &[], &training, uploaded.clone()).expect("a session");
    let mut losses = Vec::new();
    for number in 1..=5 {
        session.step_blocking(&[("x", (&values["x"]).into())], StepOptions::new(RATE, number)).expect("a step");
        let got = session.finish_blocking().expect("a result").expect("of the step").loss;
        let want = step(&graph, &training, &mut reference, RATE);
        assert!((f64::from(got) - want).abs() <= 1e-5 * want, "step {number}: {got}, want {want}");
        losses.push(got);
        for (name, got) in uploaded.download_blocking().expect("the parameters") {
            close(&name, &got, &reference[&name], 1e-5);
        }
    }
    assert!(losses[4] < 0.98 * losses[0], "{losses:?}");
}

/// How much more the losses of five steps differ than inputs and parameters do: at [`RATE`] the device can be held to the reference step
/// by step, at 0.1 neither of them means anything in the fourth.
#[test]
fn a_small_difference_stays_small_at_this_rate() {
    let (graph, training) = training();
    let difference = 2f64.powi(-22);
    let growth = |rate: f64| {
        let mut exact = tensors(&graph, &values(&graph));
        let mut moved = exact.clone();
        let differ = |(i, value): (usize, &mut f64)| *value *= 1.0 + [-difference, difference, difference][i % 3];
        moved.values_mut().for_each(|tensor| tensor.data.iter_mut().enumerate().for_each(differ));
        let off = |_| {
            let [want, got] = [&mut exact, &mut moved].map(|values| step(&graph, &training, values, rate));
            (got / want - 1.0).abs() / difference
        };
        (1..=5).map(off).fold(0.0, f64::max)
    };
    let (small, large) = (growth(RATE), growth(0.1));
    assert!(small < 5.0 && large > 100.0, "{small} {large}");
}

#[test]
fn a_gradient_that_is_not_there_is_refused() {
    let (mut graph, y) = network();
    let y = graph.add("peak", Op::custom(PEAK), &[y]).expect("an operation");
    let a = graph.find("a").expect("a filter");
    let refused = backward(&mut graph, &[(y, 1.0)], &[a], &Recompute::default()).expect_err("it has none");
    assert_eq!(refused.to_string(), "peak \"peak\": its gradient is not supported");
}

#[test]
fn a_profile_names_it() {
    let device = open(DeviceOptions { timestamps: true, ..DeviceOptions::default() });
    let (graph, y) = network();
    let x = values(&graph)["x"].clone();
    match session(&device, &graph, &[y]).profile_blocking(&[("x", (&x).into())], 2) {
        Err(GpuError::NoTimestamps { .. }) => assert!(!device.info().timestamps),
        profile => {
            let profile = profile.expect("a profile");
            let node = profile.nodes.iter().find(|node| node.name == "bell").expect("its node");
            // Two tensors of 2×6×7 pixels and two vec4s.
            assert_eq!((node.op, node.variant, node.dispatches, node.bytes), ("bell", "custom", 1, 2 * 84 * 32));
        }
    }
}

#[test]
fn tuning_measures_the_others() {
    let (graph, y) = network();
    let options = DeviceOptions { pipeline_cache: PipelineCache::Off, tuning: Tuning::On, ..DeviceOptions::default() };
    let device = open(options);
    let plan = session(&device, &graph, &[y]).plan().clone();
    let tuned = device.tune_blocking(&plan, Duration::from_secs(600)).unwrap_or_else(|e| panic!("{e}"));
    assert!(!tuned.to_string().contains("bell"), "{tuned}");
    let x = values(&graph)["x"].clone();
    session(&device, &graph, &[y]).run_blocking(&[("x", (&x).into())]).expect("a run");
}

#[test]
fn pipelines_are_shared_by_text() {
    let device = device();
    let (graph, y) = network();
    session(&device, &graph, &[y]);
    let made = device.compiled_pipelines();
    session(&device, &network().0, &[y]);
    assert_eq!(device.compiled_pipelines(), made);
}
