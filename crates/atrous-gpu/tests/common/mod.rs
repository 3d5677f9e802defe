//! What the tests share: a device of the environment's choice (an adapter must be there) and small graphs.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, Parameters, Session};
use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

/// The device the environment asks for.
pub(crate) fn device() -> Device {
    Device::from_env_blocking().expect("the tests need an adapter")
}

/// A device of the environment's choice, with other options.
pub(crate) fn device_with(options: DeviceOptions) -> Device {
    Device::open_blocking(&AdapterChoice::from_env(), options).expect("the tests need an adapter")
}

/// `y = relu(x)`.
pub(crate) fn relu(shape: Shape) -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("x", shape, DType::F32).unwrap();
    let y = graph.add("y", Op::Unary(Unary::Relu), &[x]).unwrap();
    graph.set_outputs(vec![y]);
    graph
}

/// `sum = a + b`, `out = relu(sum)`, and an input that nothing needs.
pub(crate) fn add_relu(shape: Shape) -> (Graph, [NodeId; 2]) {
    let mut graph = Graph::new();
    let a = graph.input("a", shape, DType::F32).unwrap();
    let b = graph.input("b", shape, DType::F32).unwrap();
    graph.input("idle", Shape::channels(2), DType::U32).unwrap();
    let sum = graph.add("sum", Op::Binary(Binary::Add), &[a, b]).unwrap();
    let out = graph.add("out", Op::Unary(Unary::Relu), &[sum]).unwrap();
    graph.label("block", out);
    graph.set_outputs(vec![out]);
    (graph, [sum, out])
}

/// `y = relu(x * scale + shift)` with per-channel parameters.
pub(crate) fn scale_shift(shape: Shape) -> Result<Graph, GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", shape, DType::F32)?;
    let scale = graph.parameter("scale", Shape::channels(shape.c), Layout::Image)?;
    let shift = graph.parameter("shift", Shape::channels(shape.c), Layout::Image)?;
    let scaled = graph.add("scaled", Op::Binary(Binary::Mul), &[x, scale])?;
    let shifted = graph.add("shifted", Op::Binary(Binary::Add), &[scaled, shift])?;
    let y = graph.add("y", Op::Unary(Unary::Relu), &[shifted])?;
    graph.set_outputs(vec![y]);
    Ok(graph)
}

/// Values of both signs that f32 holds exactly.
pub(crate) fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 37 % 64) as f32 / 8.0 - 4.0).collect()
}

pub(crate) fn no_parameters() -> HashMap<String, Vec<f32>> {
    HashMap::new()
}

/// A session over a graph without parameters.
pub(crate) fn session(device: &Device, graph: &Graph, outputs: &[NodeId]) -> Session {
    let parameters = Parameters::upload(device, graph, &no_parameters()).unwrap();
    Session::new(device, graph, outputs, Arc::new(parameters)).unwrap()
}
