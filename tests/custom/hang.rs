//! A kernel that does not end in time is named.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError, Parameters, Session};
use atrous_graph::op::Binary;
use atrous_graph::{DType, Graph, Op, Shape};

use crate::ops::{BELL, Own};

/// Many times as long as the time limit. Mesa's CPU drivers end loops after 65,535 turns, so there are many invocations, too.
const ENDLESS: Own = Own {
    name: "endless",
    wgsl: "fn value(i: u32) -> vec4<f32> {
        var x = load0(i);
        for (var k = 0u; k < 60000u; k++) { x = fract(x * 1.37 + 0.11); }
        return x;
    }",
    gradient: None,
    ..BELL
};

const LIMIT: Duration = Duration::from_secs(1);

/// Seconds of work for each core.
fn shape() -> Shape {
    Shape::new(1, 512 * thread::available_parallelism().map_or(1, usize::from), 512, 4)
}

fn session(device: &Device) -> Session {
    let mut graph = Graph::new();
    let x = graph.input("x", shape(), DType::F32).unwrap();
    let before = graph.add("before", Op::Binary(Binary::Add), &[x, x]).unwrap();
    let endless = graph.add("stage.endless", Op::custom(ENDLESS), &[before]).unwrap();
    let after = graph.add("after", Op::Binary(Binary::Add), &[endless, x]).unwrap();
    let parameters = Parameters::upload(device, &graph, &HashMap::new()).unwrap();
    Session::new(device, &graph, &[after], Arc::new(parameters)).unwrap()
}

#[test]
fn the_node_that_does_not_end_is_named() {
    let options = DeviceOptions { timeout: Some(LIMIT), ..DeviceOptions::from_env().unwrap() };
    let device = Device::open_blocking(&AdapterChoice::from_env(), options).expect("the tests need an adapter");
    let (mut first, mut second) = (session(&device), session(&device));
    let x = vec![0.5; shape().len()];
    let error = first.run_blocking(&[("x", (&x).into())]).unwrap_err();
    let GpuError::Timeout { limit: LIMIT, node: Some(node) } = &error else { panic!("{error}") };
    assert_eq!(node, "stage.endless");
    assert_eq!(error.to_string(), "the device did not end a run within 1 s: \"stage.endless\" does not end");
    // The device counts as lost; another serves.
    let error = second.run_blocking(&[("x", (&x).into())]).unwrap_err();
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
    let mut awaited = session(&device.reopen_blocking().unwrap());
    let error = pollster::block_on(awaited.run(&[("x", (&x).into())])).unwrap_err();
    assert!(matches!(&error, GpuError::Timeout { node: Some(node), .. } if node == "stage.endless"), "{error}");
}
