//! Activations and filters in f16: where the pass begins, ends and casts; the same numbers whoever rounds the filters.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{Tensor, run};
use atrous_golden::fill::{self, FillSource};
use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError, InputData, Parameters, Session};
use atrous_graph::op::{Cast, Reduce, Resize, Unary};
use atrous_graph::passes::{Optimized, PassOptions, Precision, Storage, optimize};
use atrous_graph::{DType, Graph, NodeId, Op};
use atrous_kernels::plan::plan;
use atrous_kernels::{CompileOptions, Limits, Purpose, Target, rewrite};
use atrous_nn::zoo::{self, BuildOptions};

use crate::net::{Net, ops, reason};

/// The graph in f16, its filters rounded when they are uploaded or cast in every run.
fn stored(graph: &Graph, outputs: &[NodeId], passes: PassOptions, fold: bool) -> Optimized {
    let options = CompileOptions { passes, precision: Precision::F16 };
    rewrite(graph, &Purpose::Inference { outputs, fold }, options).expect("a legal graph")
}

fn half(net: &Net, kept: &[NodeId], fold: bool) -> Optimized {
    stored(&net.graph, kept, PassOptions::None, fold)
}

fn dtype(optimized: &Optimized, name: &str) -> DType {
    let graph = &optimized.graph;
    graph.node(graph.find(name).unwrap_or_else(|e| panic!("{e}\n{graph}"))).ty.dtype
}

/// A residual block, its mean over the image, and a classifier.
fn block() -> (Net, [NodeId; 4]) {
    let mut net = Net::new();
    let first = net.relu("first", net.x);
    let conv = net.conv("conv1", first, 4, 1);
    let norm = net.norm("bn", conv);
    let sum = net.sum("sum", norm, first);
    let mean = net.add("mean", Op::Reduce(Reduce::MEAN_HW), &[sum]);
    let logits = net.conv("classes", mean, 5, 1);
    (net, [first, conv, sum, logits])
}

#[test]
fn storage_in_f16_begins_at_a_convolution_and_ends_at_results() {
    let (net, [.., logits]) = block();
    let all = half(&net, &[logits], true);
    assert_eq!(
        ops(&all),
        ["relu", "cast", "conv2d", "batch_norm", "add", "reduce", "cast", "conv2d", "cast"],
        "{}",
        all.graph
    );
    for (name, want) in [
        ("x", DType::F32),
        ("first", DType::F32),
        ("conv1", DType::F16),
        ("conv1.weight", DType::F16),
        ("bn", DType::F16),
        ("bn.mean", DType::F32),
        ("sum", DType::F16),
        ("mean", DType::F32),
        ("classes", DType::F32),
    ] {
        assert_eq!(dtype(&all, name), want, "{name}");
    }
    assert_eq!(all.report.count("half_storage"), 5, "{}", all.report);
    // Once more it changes nothing.
    let kept = all.now(&[logits]);
    let again = stored(&all.graph, &kept, PassOptions::None, true);
    assert_eq!(again.graph.to_string(), all.graph.to_string());
    let f32 = optimize(&net.graph, &[logits], PassOptions::None);
    let f32 = f32.stored(&[logits], Precision::F32, &Storage { filters: true, ..Storage::default() });
    assert_eq!(f32.graph.to_string(), net.graph.to_string());
}

#[test]
fn what_is_asked_for_stays_f32_under_its_name() {
    let (net, [_, conv, sum, logits]) = block();
    let kept = [conv, sum, logits];
    let all = half(&net, &kept, true);
    for (now, before) in all.now(&kept).into_iter().zip(kept) {
        let node = all.graph.node(now);
        assert_eq!((node.name.as_str(), node.ty), (net.graph.node(before).name.as_str(), net.graph.node(before).ty));
        assert!(matches!(node.op, Op::Cast(Cast { dtype: DType::F32 })));
    }
    // Its readers go on in f16.
    assert_eq!(dtype(&all, "conv1.f16"), DType::F16);
    assert_eq!(dtype(&all, "bn"), DType::F16);
}

#[test]
fn filters_that_must_not_change_are_cast_in_every_run() {
    let (net, [.., logits]) = block();
    let all = half(&net, &[logits], false);
    assert!(all.graph.parameters().all(|(_, node)| node.ty.dtype == DType::F32));
    assert_eq!(dtype(&all, "conv1.weight.f16"), DType::F16);
    // A filter that something else reads as well.
    let (mut net, [.., logits]) = block();
    let filter = net.graph.find("conv1.weight").expect("the filter");
    let sum = net.sum("decay", filter, filter);
    let all = half(&net, &[logits, sum], true);
    assert_eq!((dtype(&all, "conv1.weight"), dtype(&all, "classes.weight")), (DType::F32, DType::F16));
}

#[test]
fn operations_without_such_kernels_read_a_cast() {
    let mut net = Net::new();
    let conv = net.conv("conv", net.x, 8, 1);
    let sum = net.add("total", Op::ChannelSum, &[conv]);
    let y = net.add("tanh", Op::Unary(Unary::Tanh), &[sum]);
    let all = half(&net, &[y], true);
    assert_eq!(reason(&all, "half_storage", "total"), Some("no kernel of it reads f16"));
    assert_eq!(ops(&all), ["cast", "conv2d", "cast", "channel_sum", "tanh"]);
}

#[test]
fn an_enlarged_result_is_made_of_a_cast_image() {
    let mut net = Net::new();
    let conv = net.conv("conv", net.x, 8, 1);
    let y = net.add("y", Op::Resize(Resize::nearest(12, 10)), &[conv]);
    assert_eq!(ops(&half(&net, &[y], true)), ["cast", "conv2d", "cast", "resize"]);
    let more = net.relu("more", y);
    assert_eq!(ops(&half(&net, &[more], true)), ["cast", "conv2d", "resize", "relu", "cast"]);
}

/// In f64, where casts change nothing, with filters that are f16 already: the same to the bit.
#[test]
fn the_reference_agrees_with_the_graph_in_f16() {
    let values = |graph: &Graph| -> HashMap<String, Tensor> {
        let value = |(_, node): (NodeId, &atrous_graph::Node)| {
            let offset = if node.name.ends_with(".var") { 2.0 } else { 0.0 };
            let values = fill::uniform(&node.name, node.ty.shape.len(), offset, 1.0);
            (node.name.clone(), Tensor::from_f32(node.ty.shape, &values).rounded_to_f16())
        };
        graph.inputs().chain(graph.parameters()).map(value).collect()
    };
    let (net, kept) = block();
    let want = run(&net.graph, &values(&net.graph), &kept).expect("the reference");
    for parameters in [false, true] {
        let all = half(&net, &kept, parameters);
        let got = run(&all.graph, &values(&all.graph), &all.now(&kept)).expect("the reference");
        assert_eq!(got, want);
    }
}

/// Filters rounded by the host, and by the device: the same bits. Half the memory, to a few rows of casts.
#[test]
fn a_network_in_f16_takes_half_the_memory() {
    let options =
        DeviceOptions { precision: Precision::F16, ..DeviceOptions::from_env().expect("a legal environment") };
    let device = match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Err(GpuError::NoF16 { .. }) => return,
        opened => opened.expect("the suite needs an adapter"),
    };
    for (name, size) in [("small_resnet", 32), ("small_unet", 32), ("small_xception", 64)] {
        let input = Some((1, size, size));
        let model = zoo::build(name, &BuildOptions { input, ..BuildOptions::default() }).expect("a network");
        let outputs = [model.output()];
        let source = FillSource::new(&model, "passes/", 1.0);
        let image = fill::uniform(name, size * size * model.graph.shape(model.input).c, 0.0, 1.0);
        let fused = optimize(&model.graph, &outputs, PassOptions::Fuse);
        let results = [true, false].map(|fold| {
            let all = stored(&model.graph, &outputs, PassOptions::Fuse, fold);
            let parameters = Parameters::upload(&device, &all.graph, &all.source(&source)).expect("the parameters");
            let outputs = all.now(&outputs);
            let mut session = Session::new(&device, &all.graph, &outputs, Arc::new(parameters)).expect("a session");
            let input = model.graph.node(model.input).name.as_str();
            let results = session.run_blocking(&[(input, InputData::F32(&image))]).expect("a run").into_vec();
            (
                results[0].f32().expect("logits").to_vec(),
                session.plan().activation_bytes(),
                session.plan().parameter_bytes(),
            )
        });
        assert_eq!(results[0].0, results[1].0, "{name}");
        let plain = plan(&fused.graph, &fused.now(&outputs), &device.target()).expect("a plan");
        let (activations, parameters) = (plain.activation_bytes() as f64, plain.parameter_bytes() as f64);
        assert!(results[0].1 as f64 <= 0.66 * activations, "{name}: {} of {activations} bytes", results[0].1);
        assert!(results[0].2 as f64 <= 0.6 * parameters, "{name}: {} of {parameters} bytes", results[0].2);
    }
}

#[test]
fn an_adapter_without_f16_refuses_it_by_name() {
    let (net, [.., logits]) = block();
    let all = half(&net, &[logits], true);
    let refused = plan(&all.graph, &all.now(&[logits]), &Target::new(Limits::WEBGPU, false)).map(|_| ());
    let text = refused.expect_err("a plan in f16").to_string();
    assert!(text.contains("SHADER_F16"), "{text}");
    let target = Target { f16: true, ..Target::new(Limits::WEBGPU, false) };
    assert!(plan(&all.graph, &all.now(&[logits]), &target).is_ok());
}
