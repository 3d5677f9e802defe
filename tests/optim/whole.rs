//! Whole networks: forward, loss, backward and update in one step, beside the same steps in f64.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use atrous_cpu::{OptimizerStep, Tensor, Updated, optimizer_step};
use atrous_gpu::{Parameters, StepOptions, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{BatchNorm, Binary, Conv2d, Padding, Reduce, RunningStat, Unary};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};
use atrous_kernels::plan::{BufferKind, Place, plan_training};
use atrous_kernels::{Limits, Target};
use atrous_nn::Mode;
use atrous_nn::zoo::{self, BuildOptions};
use atrous_shaders::Access;
use atrous_tests::device;

use crate::network::{Values, close, uniform};

const IMAGE: Shape = Shape::new(3, 6, 7, 3);
pub(crate) const RULE: Optimizer = Optimizer::sgd(0.9);

/// The mean over a tensor of the squared difference to another, as one number.
pub(crate) fn squared_error(graph: &mut Graph, y: NodeId, wanted: NodeId) -> Result<NodeId, GraphError> {
    let off = graph.add("off", Op::Binary(Binary::Sub), &[y, wanted])?;
    let square = graph.add("square", Op::Binary(Binary::Mul), &[off, off])?;
    let mean = graph.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[square])?;
    graph.add("loss", Op::ChannelSum, &[mean])
}

/// Two convolutions with batch normalisation between them.
fn network() -> Result<(Graph, Training), GraphError> {
    let graph = &mut Graph::new();
    let conv = |padding| Op::Conv2d(Conv2d { padding: Padding::symmetric(padding, padding), ..Conv2d::default() });
    let x = graph.input("x", IMAGE, DType::F32)?;
    let wanted = graph.input("wanted", Shape { c: 2, ..IMAGE }, DType::F32)?;
    let first = graph.parameter("first", Shape::new(3, 3, 3, 5), Layout::Filter)?;
    let [scale, shift, running] =
        ["scale", "shift", "running"].map(|name| graph.parameter(name, Shape::channels(5), Layout::Image));
    let second = graph.parameter("second", Shape::new(1, 1, 5, 2), Layout::Filter)?;
    let bias = graph.parameter("bias", Shape::channels(2), Layout::Image)?;
    let y = graph.add("conv1", conv(1), &[x, first])?;
    let mean = graph.add("batch mean", Op::Reduce(Reduce::MEAN_NHW), &[y])?;
    let variance = graph.add("batch variance", Op::ChannelVariance, &[y, mean])?;
    let running = running?;
    let next = graph.add("next", Op::RunningStat(RunningStat { keep: 0.9, take: 0.1, sample: 0 }), &[running, mean])?;
    let norm = Op::BatchNorm(BatchNorm { eps: 1e-5, scale: true, shift: true, batch: true });
    let (scale, shift) = (scale?, shift?);
    let y = graph.add("bn", norm, &[y, mean, variance, scale, shift])?;
    let y = graph.add("relu", Op::Unary(Unary::Relu), &[y])?;
    let y = graph.add("conv2", conv(0), &[y, second, bias])?;
    let loss = squared_error(graph, y, wanted)?;
    let parameters = vec![first, scale, shift, second, bias];
    let gradients = backward(graph, &[(loss, 1.0)], &parameters, &Recompute::default())?;
    let gradients = parameters.into_iter().zip(gradients).map(|(p, g)| (p, g.expect("the loss depends on it")));
    let training = Training::new(loss, gradients, RULE).weight_decay(0.01).assignments([(running, next)]);
    Ok((graph.clone(), training))
}

/// One step in f64: the loss, and the values after it.
fn reference(
    graph: &Graph,
    training: &Training,
    values: &mut HashMap<String, Tensor>,
    state: &mut HashMap<NodeId, Updated>,
    number: u64,
) -> f64 {
    let pairs = || training.gradients.iter().chain(&training.assignments);
    let wanted: Vec<NodeId> = pairs().map(|(_, node)| *node).chain([training.loss]).collect();
    let mut results = atrous_cpu::run(graph, values, &wanted).expect("the reference");
    let loss = results.pop().expect("the loss is the last").data[0];
    for (i, ((parameter, _), result)) in pairs().zip(results).enumerate() {
        let value = values.get_mut(&graph.node(*parameter).name).expect("all parameters have values");
        if i >= training.gradients.len() {
            *value = result;
            continue;
        }
        let before = state.entry(*parameter).or_insert_with(|| Updated::new(&RULE, value.clone()));
        let step = OptimizerStep { lr: 0.05, weight_decay: 0.01, number, maximize: false };
        *before = optimizer_step(&RULE, step, before, &result);
        *value = before.parameter.clone();
    }
    loss
}

#[test]
fn a_network_learns_as_it_does_in_f64() {
    let (graph, training) = network().expect("a legal graph");
    let losses = learns(&graph, &training, 20);
    assert!(losses[19] < 0.8 * losses[0], "{losses:?}");
}

/// Steps on the device beside steps in f64, from the same values: losses, and parameters after the first three. The losses.
pub(crate) fn learns(graph: &Graph, training: &Training, steps: u64) -> Vec<f32> {
    let device = device();
    let fill = |(_, node): (NodeId, &atrous_graph::Node)| {
        let values = uniform(&node.name, node.ty.shape.len(), 0.8);
        // Variances are above zero.
        let above = |v: f32| if node.name.ends_with("running_var") { 1.0 + v } else { v };
        (node.name.clone(), values.into_iter().map(above).collect())
    };
    let parameters: Values = graph.parameters().map(fill).collect();
    let inputs: Values = graph.inputs().map(fill).collect();
    let tensor = |(name, values): (&String, &Vec<f32>)| {
        (name.clone(), Tensor::from_f32(graph.shape(graph.find(name).expect("a node")), values))
    };
    let mut values: HashMap<String, Tensor> = parameters.iter().chain(&inputs).map(tensor).collect();
    let mut state = HashMap::new();
    let uploaded = Arc::new(Parameters::upload(&device, graph, &parameters).expect("all values are there"));
    let mut session = TrainingSession::new(&device, graph, &[], training, uploaded.clone()).expect("a session");
    assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
    let given: Vec<_> = inputs.iter().map(|(name, values)| (name.as_str(), values.into())).collect();
    let mut losses = Vec::new();
    for number in 1..=steps {
        session.step_blocking(&given, StepOptions::new(0.05, number)).expect("a step");
        let result = session.finish_blocking().expect("a result").expect("of the step");
        let want = reference(graph, training, &mut values, &mut state, number);
        assert!((f64::from(result.loss) - want).abs() <= 1e-5 * want, "step {number}: {} and {want}", result.loss);
        losses.push(result.loss);
        if number <= 3 {
            for (name, got) in uploaded.download_blocking().expect("the parameters") {
                close(&name, &got, &values[&name].data);
            }
        }
    }
    losses
}

#[test]
fn a_large_network_is_planned_quickly_and_updated_by_few_dispatches() {
    let options = BuildOptions { input: Some((2, 224, 224)), mode: Mode::Training, ..BuildOptions::default() };
    let model = zoo::build("resnet50", &options).expect("a legal network");
    let mut graph = model.graph.clone();
    let output = model.output();
    let wanted = graph.input("wanted", graph.shape(output), DType::F32).expect("an input");
    let loss = squared_error(&mut graph, output, wanted).expect("a loss");
    let parameters = model.trainable();
    let gradients = backward(&mut graph, &[(loss, 1.0)], &parameters, &Recompute::default()).expect("gradients");
    let gradients = parameters.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let training = Training::new(loss, gradients, Optimizer::adam())
        .groups(model.parameter_groups(1e-4, &[]).expect("groups"))
        .assignments(model.running.iter().map(|update| (update.parameter, update.value)))
        .clip_norm(1.0)
        .totals(vec![loss]);
    let start = Instant::now();
    let plan = plan_training(&graph, &[], &training, &Target::new(Limits::WEBGPU, true)).expect("a plan");
    let time = start.elapsed();
    let updates: Vec<_> = plan.updates(true).map(|update| (update.name, update.dispatches.len())).collect();
    println!("{} steps in {time:?}; {updates:?}", plan.steps.len());
    println!("activations {} of {}", plan.activation_bytes(), plan.lower_bound);
    assert!(updates.iter().map(|(_, n)| n).sum::<usize>() < 20, "{updates:?}");
    assert!(plan.activation_bytes() as f64 <= 1.15 * plan.lower_bound as f64);
    let buffers = plan.buffers.iter().filter(|b| matches!(b.kind, BufferKind::State(..))).count();
    let flat = plan.buffers.iter().filter(|b| matches!(b.kind, BufferKind::Parameters(_))).count();
    assert_eq!(buffers, 2 * flat);
    assert!(time.as_secs() < 20, "{time:?}");
}

#[test]
fn only_updates_may_write_parameters() {
    let (graph, training) = network().expect("a legal graph");
    let plan = plan_training(&graph, &[], &training, &Target::new(Limits::WEBGPU, true)).expect("a plan");
    let find = |kind| plan.buffers.iter().position(|b| b.kind == kind).expect("such a buffer");
    let step = plan.steps.iter().position(|step| step.name == "conv1").expect("the step");
    let broken = |kind| {
        let mut plan = plan.clone();
        let dispatch = &mut plan.steps[step].dispatches[0];
        let output = dispatch.shader.bindings.iter().position(|access| *access == Access::ReadWrite);
        dispatch.bindings[output.expect("a result")] = Place { buffer: find(kind), offset: 0, bytes: 16 };
        plan.check(&Limits::WEBGPU).expect_err("a broken plan").to_string()
    };
    for kind in [BufferKind::Parameters(0), BufferKind::State(0, 0), BufferKind::Control, BufferKind::Inputs] {
        let text = broken(kind);
        assert!(text.contains("conv1") && text.contains("writes a read-only buffer"), "{text}");
    }
    let mut moved = plan.clone();
    let last = moved.training.as_mut().and_then(|t| t.update.last_mut()).expect("an update");
    let place = last.dispatches[0].bindings[0];
    last.dispatches[0].bindings[3].buffer = place.buffer;
    let text = moved.check(&Limits::WEBGPU).expect_err("a broken plan").to_string();
    assert!(text.contains("sgd") && text.contains("reads and writes one buffer"), "{text}");
}
