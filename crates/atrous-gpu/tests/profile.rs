//! Profiles: every node once, times that fit together, traces that viewers read.

mod common;

use std::time::Duration;

use atrous_gpu::{DeviceOptions, GpuError, Profile, Roofline};
use atrous_graph::op::Unary;
use atrous_graph::{DType, Graph, Op, Shape};
use common::{device, device_with, relu, session, values};

/// A chain of functions whose third is the input itself.
fn chain() -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 64, 64, 16), DType::F32).unwrap();
    let a = graph.add("a", Op::Unary(Unary::Relu), &[x]).unwrap();
    let b = graph.add("quote\"d", Op::Unary(Unary::Tanh), &[a]).unwrap();
    let alias = graph.add("alias", Op::StopGradient, &[b]).unwrap();
    let c = graph.add("c", Op::Unary(Unary::Square), &[alias]).unwrap();
    graph.set_outputs(vec![c]);
    graph
}

fn profile(runs: usize) -> Option<Profile> {
    let device = device_with(DeviceOptions { timestamps: true, ..DeviceOptions::default() });
    let graph = chain();
    let mut session = session(&device, &graph, graph.outputs());
    let x = values(64 * 64 * 16);
    match session.profile_blocking(&[("x", (&x).into())], runs) {
        Err(GpuError::NoTimestamps { on_adapter, .. }) => {
            assert!(!on_adapter && !device.info().timestamps);
            None
        }
        profile => Some(profile.unwrap()),
    }
}

#[test]
fn every_node_with_dispatches_appears_once_and_nodes_follow_each_other() {
    let Some(profile) = profile(4) else { return };
    let names: Vec<&str> = profile.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["a", "quote\"d", "c"]);
    assert_eq!(profile.runs(), 4);
    for run in 0..4 {
        let spans: Vec<[Duration; 2]> = profile.nodes.iter().map(|node| node.spans[run]).collect();
        assert!(spans.iter().all(|[begin, end]| begin <= end), "{spans:?}");
        assert!(spans.windows(2).all(|pair| pair[0][1] <= pair[1][0]), "{spans:?}");
    }
    assert!(profile.pass_time() > Duration::ZERO);
    assert!(profile.nodes.iter().all(|node| node.bytes == 2 * 4 * 64 * 64 * 16 && node.dispatches == 1));
}

#[test]
fn a_trace_is_json_with_an_event_for_each_node_and_run() {
    let Some(profile) = profile(2) else { return };
    let trace: serde_json::Value = serde_json::from_str(&profile.trace()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let named = |name| events.iter().filter(|e| e["ph"] == "X" && e["name"] == name).count();
    assert_eq!(["a", "quote\"d", "c"].map(named), [2; 3]);
    assert!(events.iter().filter(|e| e["ph"] == "X").all(|e| e["dur"].as_f64().unwrap() >= 0.0));
}

#[test]
fn tables_show_all_nodes_beside_the_roofline() {
    let Some(profile) = profile(1) else { return };
    let device = device_with(DeviceOptions { timestamps: true, ..DeviceOptions::default() });
    let roofline = Roofline::measure_blocking(&device).unwrap();
    assert!(roofline.gflops > 0.0 && roofline.gbytes > 0.0 && roofline.gemm >= 512);
    let table = profile.table(&roofline);
    assert_eq!(table.lines().count(), 4 + profile.nodes.len(), "{table}");
    assert!(table.contains("roofline: ") && table.contains("quote\"d"), "{table}");
}

#[test]
fn a_device_without_timestamps_says_so() {
    let graph = relu(Shape::new(1, 4, 4, 4));
    let mut session = session(&device(), &graph, graph.outputs());
    let error = session.profile_blocking(&[("x", (&values(64)).into())], 1).unwrap_err();
    assert!(error.to_string().contains("timestamp"), "{error}");
}
