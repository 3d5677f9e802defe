//! Sessions: what runs return, what they cost and which inputs they refuse.

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{Counters, DeviceOptions, GpuError, InputError, LimitsChoice, Parameters, Session};
use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use common::{add_relu, device, device_with, relu, scale_shift, session, values};

#[test]
fn relu_of_an_odd_number_of_channels() {
    let shape = Shape::new(2, 3, 5, 7);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let x = values(shape.len());
    let outputs = session.run_blocking(&[("x", (&x).into())]).unwrap();
    let want: Vec<f32> = x.iter().map(|v| v.max(0.0)).collect();
    assert_eq!(outputs.f32("y").unwrap(), want);
    assert_eq!((outputs.len(), outputs[0].shape, outputs[0].name.as_str()), (1, shape, "y"));
}

#[test]
fn inputs_go_by_name_and_intermediate_outputs_come_in_the_order_asked_for() {
    let shape = Shape::new(1, 4, 4, 6);
    let (graph, [sum, out]) = add_relu(shape);
    let mut session = session(&device(), &graph, &[out, sum]);
    let a = values(shape.len());
    let b: Vec<f32> = a.iter().rev().copied().collect();
    // The input that nothing needs may be given or left out.
    let idle = [1u32, 2];
    let outputs =
        session.run_blocking(&[("b", (&b).into()), ("a", (&a).into()), ("idle", idle.as_slice().into())]).unwrap();
    let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    assert_eq!(outputs.f32("sum").unwrap(), want);
    assert_eq!(outputs[1].f32().unwrap(), want);
    let want: Vec<f32> = want.iter().map(|v| v.max(0.0)).collect();
    assert_eq!(outputs.f32("out").unwrap(), want);
    assert_eq!(outputs.f32("block").unwrap(), want, "a label is a name too");
    assert_eq!(outputs[0].f32().unwrap(), want);
    let again = session.run_blocking(&[("a", (&a).into()), ("b", (&b).into())]).unwrap();
    assert_eq!(again.f32("out").unwrap(), want);
}

#[test]
fn a_run_is_one_upload_one_pass_one_submit_and_one_readback() {
    let shape = Shape::new(1, 8, 8, 4);
    let (graph, [sum, out]) = add_relu(shape);
    let mut session = session(&device(), &graph, &[sum, out]);
    assert_eq!(session.counters(), Counters::default());
    let x = values(shape.len());
    let dispatches = session.plan().dispatches() as u64;
    assert!(dispatches >= 2);
    for run in 1..=3 {
        session.run_blocking(&[("a", (&x).into()), ("b", (&x).into())]).unwrap();
        let want = Counters { uploads: run, passes: run, submits: run, readbacks: run, dispatches: run * dispatches };
        assert_eq!(session.counters(), want);
    }
    assert!(session.run_blocking(&[]).is_err());
    assert_eq!(session.counters().submits, 3, "a refused run submits nothing");
}

#[test]
fn parameters_are_used_and_the_memory_is_as_predicted() {
    let (device, shape) = (device(), Shape::new(2, 6, 6, 3));
    let graph = scale_shift(shape).unwrap();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), vec![2.0, -1.0, 0.5]), ("shift".to_owned(), vec![0.25, 1.0, -1.0])].into();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &source).unwrap());
    let mut session = Session::new(&device, &graph, graph.outputs(), parameters.clone()).unwrap();
    let x = values(shape.len());
    let got = session.run_blocking(&[("x", (&x).into())]).unwrap();
    let want = |(i, v): (usize, &f32)| (v * source["scale"][i % 3] + source["shift"][i % 3]).max(0.0);
    assert_eq!(got.f32("y").unwrap(), x.iter().enumerate().map(want).collect::<Vec<f32>>());
    assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
    assert_eq!(parameters.bytes(), session.plan().parameter_bytes());
}

#[test]
fn an_output_may_be_an_input_or_a_parameter() {
    let (device, shape) = (device(), Shape::new(1, 2, 2, 3));
    let graph = scale_shift(shape).unwrap();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), vec![2.0, -1.0, 0.5]), ("shift".to_owned(), vec![0.0; 3])].into();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &source).unwrap());
    let outputs = ["x", "scale"].map(|name| graph.find(name).unwrap());
    let mut session = Session::new(&device, &graph, &outputs, parameters).unwrap();
    let x = values(shape.len());
    let got = session.run_blocking(&[("x", (&x).into())]).unwrap();
    assert_eq!(got.f32("x").unwrap(), x);
    assert_eq!(got.f32("scale").unwrap(), source["scale"]);
}

#[test]
fn wrong_inputs_are_refused_with_both_values() {
    let shape = Shape::new(1, 2, 2, 3);
    let (graph, [_, out]) = add_relu(shape);
    let mut session = session(&device(), &graph, &[out]);
    let (x, short, labels) = (values(12), values(7), vec![0u32; 12]);
    let mut refused = |inputs: &[(&str, atrous_gpu::InputData<'_>)]| match session.run_blocking(inputs).unwrap_err() {
        GpuError::Input(error) => error,
        other => panic!("{other}"),
    };
    let error = refused(&[("a", (&x).into()), ("b", (&short).into())]);
    assert_eq!(error.to_string(), "input \"b\": 1×2×2×3 needs 12 values, got 7");
    let error = refused(&[("a", (&x).into())]);
    assert_eq!(error.to_string(), "input \"b\" (1×2×2×3 f32) is missing");
    let error = refused(&[("a", (&x).into()), ("b", (&x).into()), ("c", (&x).into())]);
    assert_eq!(error.to_string(), "there is no input \"c\"; the graph has: a, b, idle");
    assert!(matches!(refused(&[("a", (&x).into()), ("a", (&x).into())]), InputError::Twice { .. }));
    let error = refused(&[("a", (&x).into()), ("b", (&labels).into())]);
    assert_eq!(error.to_string(), "input \"b\" is f32, got u32");
    assert!(session.run_blocking(&[("a", (&x).into()), ("b", (&x).into())]).is_ok(), "the session is still good");
}

#[test]
fn outputs_are_checked_when_asked_for_and_when_read() {
    let (device, graph) = (device(), relu(Shape::new(1, 2, 2, 4)));
    let parameters = Arc::new(Parameters::upload(&device, &graph, &common::no_parameters()).unwrap());
    let error = Session::new(&device, &graph, &[], parameters.clone()).unwrap_err();
    assert!(matches!(error, GpuError::NoOutputs));
    let error = Session::new(&device, &graph, &[NodeId(9)], parameters.clone()).unwrap_err();
    assert_eq!(error.to_string(), "output %9 is not a node of the graph, which has 2");
    let mut session = Session::new(&device, &graph, graph.outputs(), parameters).unwrap();
    let outputs = session.run_blocking(&[("x", (&values(16)).into())]).unwrap();
    assert_eq!(outputs.f32("z").unwrap_err().to_string(), "no output is named \"z\"; there are: y");
    assert_eq!(outputs.u32("y").unwrap_err().to_string(), "output \"y\" holds f32, asked for was u32");
}

#[test]
fn class_maps_come_back_as_u32() {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 1, 3, 5), DType::F32).unwrap();
    let y = graph.add("y", Op::ArgMax, &[x]).unwrap();
    let mut session = session(&device(), &graph, &[y]);
    let x = [0.0, 1.0, 5.0, 2.0, 5.0, -1.0, -2.0, -3.0, -4.0, -5.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let outputs = session.run_blocking(&[("x", x.as_slice().into())]).unwrap();
    assert_eq!(outputs.u32("y").unwrap(), [2, 0, 4]);
}

#[test]
fn checks_and_default_limits_change_nothing_in_the_results() {
    let shape = Shape::new(1, 9, 9, 5);
    let graph = relu(shape);
    let x = values(shape.len());
    let run = |options| {
        let device = device_with(options);
        let mut session = session(&device, &graph, graph.outputs());
        session.run_blocking(&[("x", (&x).into())]).unwrap().f32("y").unwrap().to_vec()
    };
    let plain = run(DeviceOptions::default());
    assert_eq!(run(DeviceOptions { checks: true, ..DeviceOptions::default() }), plain);
    assert_eq!(run(DeviceOptions { limits: LimitsChoice::WebGpuDefaults, ..DeviceOptions::default() }), plain);
}

#[test]
fn the_device_measures_the_time_of_a_run_where_it_can() {
    let device = device_with(DeviceOptions { timestamps: true, ..DeviceOptions::default() });
    let shape = Shape::new(1, 64, 64, 16);
    let graph = relu(shape);
    let mut session = session(&device, &graph, graph.outputs());
    assert_eq!(session.last_gpu_time(), None);
    session.run_blocking(&[("x", (&values(shape.len())).into())]).unwrap();
    assert_eq!(session.last_gpu_time().is_some(), device.info().timestamps);
    assert!(session.last_gpu_time().is_none_or(|time| time.as_secs() < 60));
}

#[test]
fn pipelines_are_compiled_once_per_device() {
    let (device, shape) = (device(), Shape::new(1, 4, 4, 4));
    let mut graph = Graph::new();
    let mut node = graph.input("x", shape, DType::F32).unwrap();
    for i in 0..5 {
        node = graph.add(&format!("relu{i}"), Op::Unary(Unary::Relu), &[node]).unwrap();
        node = graph.add(&format!("tanh{i}"), Op::Unary(Unary::Tanh), &[node]).unwrap();
    }
    let first = session(&device, &graph, &[node]);
    let compiled = device.compiled_pipelines();
    assert!(compiled < first.plan().dispatches(), "equal kernels share a pipeline");
    session(&device, &graph, &[node]);
    assert_eq!(device.compiled_pipelines(), compiled);
}

#[test]
fn sessions_of_one_device_run_on_several_threads_at_once() {
    let device = device();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let device = device.clone();
            scope.spawn(move || {
                let shape = Shape::new(1, 8, 8, 4 + thread);
                let graph = relu(shape);
                let mut session = session(&device, &graph, graph.outputs());
                let x = values(shape.len());
                let want: Vec<f32> = x.iter().map(|v| v.max(0.0)).collect();
                for _ in 0..50 {
                    let outputs = session.run_blocking(&[("x", (&x).into())]).unwrap();
                    assert_eq!(outputs.f32("y").unwrap(), want);
                }
            });
        }
    });
}

/// Values that vanish before the outputs, in a class map and in a node that no output shows, are found too.
#[test]
fn the_first_node_that_is_not_finite_is_named() {
    let finite = DeviceOptions { finite: true, ..DeviceOptions::from_env().unwrap() };
    let shape = Shape::new(1, 2, 2, 3);
    let mut graph = Graph::new();
    let x = graph.input("x", shape, DType::F32).unwrap();
    let scale = graph.parameter("scale", Shape::channels(3), Layout::Image).unwrap();
    let product = graph.add("product", Op::Binary(Binary::Mul), &[x, scale]).unwrap();
    let root = graph.add("log", Op::Unary(Unary::Ln), &[product]).unwrap();
    let class = graph.add("class", Op::ArgMax, &[root]).unwrap();
    let run = |options: DeviceOptions, scale: f32, x: f32| {
        let device = device_with(options);
        let values = HashMap::from([("scale".to_owned(), vec![1.0, scale, 1.0])]);
        let parameters = Arc::new(Parameters::upload(&device, &graph, &values).unwrap());
        let mut session = Session::new(&device, &graph, &[class], parameters).unwrap();
        assert_eq!(session.outputs().map(|(name, _)| name).collect::<Vec<_>>(), ["class"]);
        let image = [vec![1.0; 7], vec![x; 2], vec![1.0; 3]].concat();
        session.run_blocking(&[("x", (&image).into())])
    };
    let named = |scale, x| match run(finite.clone(), scale, x).unwrap_err() {
        GpuError::NotFinite { node, index, count, .. } => (node, index, count),
        other => panic!("{other}"),
    };
    assert_eq!(named(1.0, f32::NAN), ("x".to_owned(), 7, 2));
    assert_eq!(named(f32::MAX, 2.0), ("product".to_owned(), 7, 1));
    assert_eq!(named(1.0, 0.0), ("log".to_owned(), 7, 2));
    let text = run(finite.clone(), 1.0, f32::INFINITY).unwrap_err().to_string();
    assert!(text.contains("those of \"x\": 2 of 1×2×2×3, the first of them inf at index 7"), "{text}");
    let outputs = run(finite.clone(), 1.0, 2.0).unwrap();
    assert_eq!((outputs.len(), outputs.u32("class").unwrap()), (1, &[0, 0, 1, 0][..]));
    run(DeviceOptions::from_env().unwrap(), 1.0, f32::NAN).unwrap();
}
