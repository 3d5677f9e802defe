//! Graphs compiled for each purpose: what is folded, what is f16, what follows the steps, and what is refused.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_golden::fill;
use atrous_gpu::{Device, GpuError, Parameters, Session, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward_scaled};
use atrous_graph::op::{BatchNorm, Binary, Conv2d, Padding, Reduce, Unary};
use atrous_graph::optim::{LossScale, LossScaling, Optimizer, ParameterGroup, Training};
use atrous_graph::passes::{PassOptions, Precision};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, ParameterSource, Shape};
use atrous_kernels::plan::BufferKind;
use atrous_kernels::{CompileOptions, Compiled, Limits, PlanError, Purpose, Target, compile};
use atrous_tests::device;

const IMAGE: Shape = Shape::new(2, 6, 5, 3);
const F32: CompileOptions = CompileOptions { passes: PassOptions::Fold, precision: Precision::F32 };
const F16: CompileOptions = CompileOptions { precision: Precision::F16, ..F32 };

/// Two convolutions, a batch normalisation and a ReLU between them, and a loss.
struct Net {
    graph: Graph,
    x: NodeId,
    classes: NodeId,
    logits: NodeId,
    loss: NodeId,
}

fn net() -> Net {
    let mut graph = Graph::new();
    let graph_mut = &mut graph;
    let conv = Op::Conv2d(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() });
    let filter = |graph: &mut Graph, name: &str, cin, cout| {
        graph.parameter(name, Shape::new(3, 3, cin, cout), Layout::Filter).expect("a filter")
    };
    let x = graph_mut.input("x", IMAGE, DType::F32).expect("an input");
    let first = filter(graph_mut, "first", 3, 8);
    let second = filter(graph_mut, "second", 8, 4);
    let y = graph_mut.add("conv", conv, &[x, first]).expect("a node");
    let vectors = ["mean", "var", "scale", "shift"]
        .map(|name| graph_mut.parameter(name, Shape::channels(8), Layout::Image).expect("a vector"));
    let norm = Op::BatchNorm(BatchNorm { eps: 1e-3, scale: true, shift: true, batch: false });
    let y = graph_mut.add("norm", norm, &[&[y][..], &vectors].concat()).expect("a node");
    let y = graph_mut.add("relu", Op::Unary(Unary::Relu), &[y]).expect("a node");
    let logits = graph_mut.add("logits", conv, &[y, second]).expect("a node");
    let classes = graph_mut.add("classes", Op::ArgMax, &[logits]).expect("a node");
    let square = graph_mut.add("square", Op::Binary(Binary::Mul), &[logits, logits]).expect("a node");
    let mean = graph_mut.add("mean_square", Op::Reduce(Reduce::MEAN_NHW), &[square]).expect("a node");
    let loss = graph_mut.add("loss", Op::ChannelSum, &[mean]).expect("a node");
    Net { graph, x, classes, logits, loss }
}

/// Repeatable values; variances are positive.
fn values(graph: &Graph) -> HashMap<String, Vec<f32>> {
    let value = |(_, node): (NodeId, &atrous_graph::Node)| {
        let mean = if node.name == "var" { 2.0 } else { 0.0 };
        (node.name.clone(), fill::uniform(&node.name, node.ty.shape.len(), mean, 0.5))
    };
    graph.parameters().chain(graph.inputs()).map(value).collect()
}

fn target() -> Target {
    Target { f16: true, ..Target::new(Limits::WEBGPU, true) }
}

fn compiled(net: &Net, purpose: &Purpose<'_>, options: CompileOptions) -> Compiled {
    compile(&net.graph, purpose, options, &target()).unwrap_or_else(|e| panic!("{purpose:?}: {e}"))
}

fn dtype(compiled: &Compiled, name: &str) -> DType {
    let graph = &compiled.graph;
    graph.node(graph.find(name).unwrap_or_else(|e| panic!("{e}\n{graph}"))).ty.dtype
}

#[test]
fn parameters_change_only_where_inference_folds() {
    let net = net();
    let outputs = [net.logits];
    let training = Training::new(net.loss, [], Optimizer::sgd(0.0));
    let before: Vec<&str> = net.graph.parameters().map(|(_, node)| node.name.as_str()).collect();
    for options in [F32, F16] {
        for purpose in [
            Purpose::Inference { outputs: &outputs, fold: false },
            Purpose::Gradients { outputs: &outputs, loss: net.loss, loss_scale: None },
            Purpose::Training { training: &training, outputs: &outputs },
            Purpose::Evaluation { totals: &[net.loss], outputs: &outputs },
        ] {
            let compiled = compiled(&net, &purpose, options);
            let after: Vec<&str> = compiled.graph.parameters().map(|(_, node)| node.name.as_str()).collect();
            assert_eq!(after, before, "{purpose:?}");
            assert!(compiled.graph.parameters().all(|(_, node)| node.ty.dtype == DType::F32), "{purpose:?}");
            assert!(compiled.derived.is_empty(), "{purpose:?}");
            assert!(
                compiled.report.count("fuse_epilogue") + compiled.report.count("fuse_batch_norm") > 0,
                "{purpose:?}"
            );
        }
        let folded = compiled(&net, &Purpose::Inference { outputs: &outputs, fold: true }, options);
        assert_eq!(folded.report.count("fold_batch_norm"), 1, "{}", folded.report);
        assert!(folded.graph.find("var").is_err() && !folded.derived.is_empty());
        assert_eq!(dtype(&folded, "second"), if options == F16 { DType::F16 } else { DType::F32 });
        let mut filter = vec![0.0; 3 * 3 * 8 * 4];
        let ty = folded.graph.node(folded.graph.find("second").expect("a filter")).ty;
        folded.source(&values(&net.graph)).write("second", ty, &mut filter).expect("the source has it");
        assert_eq!(filter, values(&net.graph)["second"], "what is not derived comes from before");
    }
}

#[test]
fn losses_and_metrics_stay_f32_behind_the_last_convolution() {
    let net = net();
    let metrics = |purpose| dtype(&compiled(&net, &purpose, F16), "square");
    let outputs = [net.loss];
    assert_eq!(metrics(Purpose::Inference { outputs: &outputs, fold: false }), DType::F16);
    assert_eq!(metrics(Purpose::Evaluation { totals: &outputs, outputs: &[] }), DType::F32);
    assert_eq!(metrics(Purpose::Gradients { outputs: &outputs, loss: net.loss, loss_scale: None }), DType::F32);
}

/// In f16 the gradients of a training step and those that are only asked for are stored alike.
#[test]
fn gradients_are_those_of_a_training_step() {
    let mut net = net();
    let parameters: Vec<NodeId> = ["first", "second"].map(|name| net.graph.find(name).expect("a filter")).to_vec();
    let scale = LossScale::add(&mut net.graph, LossScaling::default()).expect("an input");
    let gradients = backward_scaled(&mut net.graph, net.loss, Some(scale), &parameters, &Recompute::Cheap);
    let gradients: Vec<NodeId> = gradients.expect("gradients").into_iter().flatten().collect();
    let pairs = parameters.iter().copied().zip(gradients.iter().copied());
    let training = Training::new(net.loss, pairs, Optimizer::sgd(0.9)).loss_scale(scale);
    let step = compiled(&net, &Purpose::Training { training: &training, outputs: &[] }, F16);
    let (outputs, loss_scale) = (&gradients[..], Some(scale.node));
    let asked = compiled(&net, &Purpose::Gradients { outputs, loss: net.loss, loss_scale }, F16);
    assert_eq!(asked.graph.to_string(), step.graph.to_string());
    assert_eq!(asked.plan.steps.len(), step.plan.steps.len() - missing_loss(&step, &asked));
    assert!(asked.plan.training.is_none() && asked.plan.after.is_empty());
}

/// Steps that only the loss needs, which is not asked for with gradients.
fn missing_loss(step: &Compiled, asked: &Compiled) -> usize {
    let names: Vec<&str> = asked.plan.steps.iter().map(|step| step.name.as_str()).collect();
    let missing = step.plan.steps.iter().filter(|step| !names.contains(&step.name.as_str()));
    missing.inspect(|step| assert!(["loss", "mean_square", "square"].contains(&step.name.as_str()))).count()
}

#[test]
fn an_evaluation_needs_no_more_than_its_sums() {
    let net = net();
    let sums = compiled(&net, &Purpose::Evaluation { totals: &[net.loss, net.logits], outputs: &[net.classes] }, F32);
    let kinds: Vec<BufferKind> = sums.plan.buffers.iter().map(|buffer| buffer.kind).collect();
    let others = |kind: &BufferKind| {
        !matches!(kind, BufferKind::Inputs | BufferKind::Constants | BufferKind::Parameters(_) | BufferKind::Bank)
    };
    assert_eq!(kinds.into_iter().filter(others).collect::<Vec<_>>(), [BufferKind::Totals]);
    let after: Vec<_> = sums.plan.after.iter().map(|update| (update.name, update.dispatches.len())).collect();
    assert_eq!(after, [("totals", 2)]);
    assert!(sums.plan.dispatches() > 2 && sums.plan.to_string().contains("totals"), "{}", sums.plan);
}

#[test]
fn a_purpose_that_does_not_fit_the_graph_is_refused_by_name() {
    let net = net();
    let strange = NodeId(net.graph.nodes().len());
    let training = Training::new(net.loss, [], Optimizer::sgd(0.0));
    let unknown = [strange];
    for (what, purpose) in [
        ("output", Purpose::Inference { outputs: &unknown, fold: true }),
        ("loss", Purpose::Gradients { outputs: &[], loss: strange, loss_scale: None }),
        ("loss scale", Purpose::Gradients { outputs: &[], loss: net.loss, loss_scale: Some(strange) }),
        ("output", Purpose::Training { training: &training, outputs: &unknown }),
        ("total", Purpose::Evaluation { totals: &unknown, outputs: &[] }),
        ("output", Purpose::Evaluation { totals: &[], outputs: &unknown }),
    ] {
        let error = compile(&net.graph, &purpose, F32, &target()).expect_err("a node of another graph");
        let nodes = strange.0;
        assert_eq!(error, PlanError::UnknownNode { what, node: strange, nodes }, "{purpose:?}");
    }
    let text = |purpose: &Purpose<'_>| compile(&net.graph, purpose, F32, &target()).expect_err("unfit").to_string();
    let counted = text(&Purpose::Evaluation { totals: &[net.classes], outputs: &[] });
    assert!(counted.contains("\"classes\"") && counted.contains("f32"), "{counted}");
    let bad = training.clone().clip_norm(-1.0);
    let clipped = text(&Purpose::Training { training: &bad, outputs: &[] });
    assert!(clipped.contains("norm") && clipped.contains("-1"), "{clipped}");
    let large = Target::new(Limits { max_binding: 64, ..Limits::WEBGPU }, true);
    let error = compile(&net.graph, &Purpose::Inference { outputs: &[net.logits], fold: true }, F32, &large);
    assert!(error.is_err(), "{error:?}");
}

#[test]
fn a_training_begins_plain_and_is_changed_by_methods() {
    let mut net = net();
    let parameters: Vec<NodeId> = ["first", "second"].map(|name| net.graph.find(name).expect("a filter")).to_vec();
    let gradients = backward_scaled(&mut net.graph, net.loss, None, &parameters, &Recompute::Cheap);
    let gradients: Vec<NodeId> = gradients.expect("gradients").into_iter().flatten().collect();
    let pairs: Vec<(NodeId, NodeId)> = parameters.iter().copied().zip(gradients).collect();
    let plain = Training::new(net.loss, pairs.clone(), Optimizer::adam());
    assert_eq!(plain.groups, [ParameterGroup { parameters: parameters.clone(), lr: 1.0, weight_decay: 0.0 }]);
    assert_eq!((plain.clip_norm, plain.accumulate, plain.loss_scale), (None, false, None));
    assert!(plain.assignments.is_empty() && plain.totals.is_empty() && plain.validate(&net.graph).is_ok());
    let changed = plain.weight_decay(0.5).clip_norm(2.0).accumulate(true).totals(vec![net.loss]);
    assert_eq!((changed.groups[0].weight_decay, changed.clip_norm, changed.accumulate), (0.5, Some(2.0), true));
    assert_eq!((&changed.gradients, &changed.totals[..]), (&pairs, &[net.loss][..]));
    assert_eq!(changed.clip_norm(None).groups(Vec::new()).clip_norm, None);
}

#[test]
fn an_evaluation_sums_over_runs_and_changes_nothing() {
    let (device, net) = (device(), net());
    let values = values(&net.graph);
    let parameters = Arc::new(Parameters::upload(&device, &net.graph, &values).expect("the parameters"));
    let purpose = Purpose::Evaluation { totals: &[net.loss, net.logits], outputs: &[] };
    let compiled = device.compile(&net.graph, &purpose).expect("a plan");
    let mut sums = Session::from_compiled(&device, compiled, parameters.clone()).expect("a session");
    let outputs = [net.loss, net.logits];
    let mut single = Session::new(&device, &net.graph, &outputs, parameters.clone()).expect("a session");
    assert_eq!(sums.measured_bytes(), sums.plan().peak_bytes() + timer(&device));
    let images: Vec<Vec<f32>> = (0..5).map(|i| fill::uniform(&format!("image {i}"), IMAGE.len(), 0.0, 1.0)).collect();
    for round in 0..2 {
        let mut want = [vec![0.0f32; 1], vec![0.0; net.graph.shape(net.logits).len()]];
        let mut flights = Vec::new();
        for image in &images[round..] {
            flights.push(sums.begin(&[("x", image.into())]).expect("a run"));
            let one = single.run_blocking(&[("x", image.into())]).expect("a run");
            for (sum, name) in want.iter_mut().zip(["loss", "logits"]) {
                sum.iter_mut().zip(one.f32(name).expect("an output")).for_each(|(sum, value)| *sum += value);
            }
        }
        for flight in flights.into_iter().skip(round) {
            assert_eq!(sums.finish_blocking(flight).expect("a run").iter().count(), 0);
        }
        let totals = sums.totals_blocking().expect("totals");
        assert_eq!([totals.f32("loss"), totals.f32("logits")].map(|sum| sum.expect("a total").to_vec()), want);
    }
    assert_eq!(sums.totals_blocking().expect("totals").f32("loss").expect("a total"), [0.0]);
    assert_eq!(parameters.download_blocking().expect("parameters")["first"], values["first"]);
    assert_eq!(single.totals_blocking().expect("no totals").iter().count(), 0);
}

/// Bytes of a readback that hold timestamps, twice.
fn timer(device: &Device) -> u64 {
    if device.options().timestamps && device.info().timestamps { 32 } else { 0 }
}

#[test]
fn a_loss_that_is_not_finite_shows_in_an_evaluation() {
    let (device, net) = (device(), net());
    let parameters = Arc::new(Parameters::upload(&device, &net.graph, &values(&net.graph)).expect("the parameters"));
    let compiled =
        device.compile(&net.graph, &Purpose::Evaluation { totals: &[net.loss], outputs: &[] }).expect("a plan");
    let mut sums = Session::from_compiled(&device, compiled, parameters).expect("a session");
    for value in [1.0, 1e30, 1.0] {
        sums.run_blocking(&[("x", (&vec![value; IMAGE.len()]).into())]).expect("a run");
    }
    assert!(!sums.totals_blocking().expect("totals").f32("loss").expect("a total")[0].is_finite());
}

#[test]
fn each_session_refuses_what_is_for_the_other() {
    let (device, net) = (device(), net());
    let parameters = Arc::new(Parameters::upload(&device, &net.graph, &values(&net.graph)).expect("the parameters"));
    let training = Training::new(net.loss, [], Optimizer::sgd(0.0));
    let outputs = [net.logits];
    let step =
        device.compile(&net.graph, &Purpose::Training { training: &training, outputs: &outputs }).expect("a plan");
    let error = Session::from_compiled(&device, step, parameters.clone()).expect_err("a training step");
    assert!(matches!(error, GpuError::Trains), "{error}");
    let inference = device.compile(&net.graph, &Purpose::Inference { outputs: &outputs, fold: false }).expect("a plan");
    let error = TrainingSession::from_compiled(&device, inference, parameters.clone()).expect_err("no training step");
    assert!(matches!(error, GpuError::NotTraining), "{error}");
    let nothing =
        device.compile(&net.graph, &Purpose::Evaluation { totals: &[], outputs: &[] }).expect("an empty plan");
    let error = Session::from_compiled(&device, nothing, parameters).expect_err("nothing to give");
    assert!(matches!(error, GpuError::NoOutputs), "{error}");
}

/// Sessions over folded parameters fold; what needs them as they were is told so.
#[test]
fn folded_parameters_serve_inference_alone() {
    let (device, net) = (device(), net());
    let (values, outputs) = (values(&net.graph), [net.logits]);
    let [kept, folded] = [
        Parameters::upload(&device, &net.graph, &values),
        Parameters::upload_folded(&device, &net.graph, &outputs, &values),
    ]
    .map(|parameters| Arc::new(parameters.expect("the parameters")));
    assert_eq!((kept.are_folded(), folded.are_folded()), (false, true));
    let x = &values[&net.graph.node(net.x).name];
    let run = |parameters: &Arc<Parameters>| {
        let mut session = Session::new(&device, &net.graph, &outputs, parameters.clone()).expect("a session");
        let outputs = session.run_blocking(&[("x", x.into())]).expect("a run");
        (outputs.f32("logits").expect("an output").to_vec(), session.plan().steps.len())
    };
    let ((want, _), (got, _)) = (run(&kept), run(&folded));
    let most = want.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    assert!(got.iter().zip(&want).all(|(got, want)| (got - want).abs() <= 1e-5 * most), "{got:?}\n{want:?}");
    let training = Training::new(net.loss, [], Optimizer::sgd(0.0));
    let error = TrainingSession::new(&device, &net.graph, &[], &training, folded).expect_err("folded parameters");
    assert!(matches!(error, GpuError::ParameterMismatch { .. }), "{error}");
    let error = Parameters::upload_folded(&device, &net.graph, &[NodeId(1000)], &values).expect_err("no such node");
    assert!(matches!(error, GpuError::Plan(PlanError::UnknownNode { .. })), "{error}");
}
