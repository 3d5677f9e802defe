//! Training steps with passes and without: gradients beside the f64 reference, plans, memory.

mod casts;

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::Tensor;
use atrous_golden::fill::{self, FillSource};
use atrous_gpu::{AdapterChoice, Device, DeviceOptions, InputData, Parameters, StepOptions, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward_scaled};
use atrous_graph::op::{CrossEntropy, Fused, FusedBatchNorm, Gradient, Reduce, Unary, UnaryGrad};
use atrous_graph::optim::{LossScale, LossScaling, Optimizer, Training};
use atrous_graph::passes::{Optimized, PassOptions, optimize};
use atrous_graph::{DType, Graph, NodeId, Op, Shape};
use atrous_kernels::plan::{Plan, plan_training};
use atrous_kernels::{Limits, Purpose, Target, compile};
use atrous_nn::{Mode, Model};

pub(crate) const SMALL: &[(&str, usize, usize)] = &[
    ("tiny_cnn", 2, 32),
    ("small_resnet", 2, 32),
    ("small_xception", 2, 64),
    ("small_unet", 2, 32),
    ("small_deeplabv3plus", 2, 64),
];

/// A training step of a network: mean cross-entropy, all gradients, SGD with momentum.
fn step(name: &str, batch: usize, size: usize, recompute: &Recompute) -> (Model, Training) {
    step_with(name, batch, size, recompute, None)
}

/// [`step`] with a loss scale.
pub(crate) fn step_with(
    name: &str,
    batch: usize,
    size: usize,
    recompute: &Recompute,
    scaling: Option<LossScaling>,
) -> (Model, Training) {
    let mut model = super::networks::build_for(name, [batch, size, size], Mode::Training);
    let (logits, parameters) = (model.output(), model.trainable());
    let graph = &mut model.graph;
    let labels = graph.input("labels", Shape { c: 1, ..graph.shape(logits) }, DType::U32).expect("an input");
    let entropy = Op::CrossEntropy(CrossEntropy { ignore: Some(255), smoothing: 0.0 });
    let losses = graph.add("losses", entropy, &[logits, labels]).expect("losses");
    let loss = graph.add("loss", Op::Reduce(Reduce::MEAN_NHW), &[losses]).expect("a loss");
    let loss_scale = scaling.map(|scaling| LossScale::add(graph, scaling).expect("an input"));
    let gradients = backward_scaled(graph, loss, loss_scale, &parameters, recompute).expect("gradients");
    let gradients: Vec<_> = parameters.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?))).collect();
    let mut groups = model.parameter_groups(1e-4, &[]).expect("groups");
    groups.iter_mut().for_each(|group| group.parameters.retain(|p| gradients.iter().any(|(q, _)| p == q)));
    let training = Training::new(loss, gradients, Optimizer::sgd(0.9))
        .groups(groups)
        .assignments(model.running.iter().map(|update| (update.parameter, update.value)))
        .loss_scale(loss_scale);
    (model, training)
}

fn optimized(model: &Model, training: &Training) -> Optimized {
    optimize(&model.graph, &training.nodes(), PassOptions::Fuse)
}

/// Values of all inputs and parameters.
pub(crate) fn values(model: &Model, source: &FillSource) -> HashMap<String, Tensor> {
    let tensor = |(_, node): (NodeId, &atrous_graph::Node)| {
        let shape = node.ty.shape;
        let dense = match (&node.op, node.ty.dtype) {
            (Op::Parameter, _) => super::networks::dense(source, &node.name, node.ty),
            (_, DType::F32 | DType::F16) => fill::uniform(&node.name, shape.len(), 0.0, 1.0),
            (_, DType::U32) => (0..shape.len()).map(|i| (i * 7 % 5) as f32).collect(),
        };
        (node.name.clone(), Tensor::from_f32(shape, &dense))
    };
    model.graph.parameters().chain(model.graph.inputs()).map(tensor).collect()
}

/// The loss and all gradients and running statistics, by the reference.
pub(crate) fn reference(graph: &Graph, training: &Training, values: &HashMap<String, Tensor>) -> Vec<Tensor> {
    let pairs = training.gradients.iter().chain(&training.assignments).map(|(_, node)| *node);
    let wanted: Vec<NodeId> = pairs.chain([training.loss]).collect();
    atrous_cpu::run(graph, values, &wanted).expect("the reference")
}

/// Euclidean norms of the differences relative to those of the wanted tensors: of all together, and of the worst one. What vanishes
/// beside the others, as gradients through a batch normalisation of two values do, counts relative to a thousandth of all.
pub(crate) fn differences(got: &[Tensor], want: &[Tensor]) -> (f64, f64) {
    let square = |t: &Tensor| t.data.iter().map(|v| v * v).sum::<f64>();
    let off = |(got, want): (&Tensor, &Tensor)| got.data.iter().zip(&want.data).map(|(a, b)| (a - b).powi(2)).sum();
    let off: Vec<f64> = got.iter().zip(want).map(off).collect();
    let all = want.iter().map(square).sum::<f64>();
    let relative = off.iter().zip(want).map(|(off, want)| (off / square(want).max(1e-6 * all)).sqrt());
    ((off.iter().sum::<f64>() / all).sqrt(), relative.fold(0.0, f64::max))
}

/// In f64, where only the order of a few sums is left.
#[test]
fn the_reference_has_the_same_gradients() {
    for &(name, batch, size) in SMALL {
        for recompute in [Recompute::Cheap, Recompute::Nothing] {
            let (model, training) = step(name, batch, size, &recompute);
            let values = values(&model, &FillSource::new(&model, "passes/", 1.0));
            let want = reference(&model.graph, &training, &values);
            let optimized = optimized(&model, &training);
            let got = reference(&optimized.graph, &training.follow(&optimized), &values);
            let (_, worst) = differences(&got, &want);
            assert!(worst <= 1e-9, "{name} {recompute:?}: {worst}");
        }
    }
}

/// The values that are tried: of the network with most ReLUs about every third is decided by none of them.
const VALUES: [&str; 12] = [
    "passes/",
    "others/",
    "third/",
    "fourth/",
    "fifth/",
    "sixth/",
    "seventh/",
    "eighth/",
    "ninth/",
    "tenth/",
    "eleventh/",
    "twelfth/",
];

/// How far gradients move in f64 when every number that goes in moves by up to `2^-19` of itself, thirty-two roundings: the most of
/// a few tries, as [`differences`]. A ReLU whose argument is that close to zero passes or masks whole tensors of small maps.
fn sensitivity(graph: &Graph, training: &Training, values: &HashMap<String, Tensor>, want: &[Tensor]) -> (f64, f64) {
    let tries = (0..4).map(|k| {
        let moved = |(name, tensor): (&String, &Tensor)| {
            let by = fill::uniform(&format!("{k} {name}"), tensor.data.len(), -1.0, 1.0);
            let is_label = name == "labels";
            let factor = |by: f32| if is_label { 1.0 } else { 1.0 + f64::from(by) * 2f64.powi(-19) };
            let data = tensor.data.iter().zip(by).map(|(v, by)| v * factor(by)).collect();
            (name.clone(), Tensor { data, ..tensor.clone() })
        };
        differences(&reference(graph, training, &values.iter().map(moved).collect()), want)
    });
    tries.fold((0.0, 0.0), |(all, worst): (f64, f64), (a, w)| (all.max(a), worst.max(w)))
}

/// Two steps on the device without passes, with them, and with them as planned for a GPU, by kernels that keep tiles in workgroup memory and
/// meet at barriers, beside the first one in f64. With all values they are no further off than numbers that are rounded may be. With
/// some, at which the adapter rounds no ReLU's argument that matters to the other side of zero, each way is within a hundred roundings, and
/// has the second loss of the first; which values those are is the adapter's affair and each way's own.
#[test]
fn every_family_trains_the_same_every_way() {
    let options = |passes| DeviceOptions { passes, ..DeviceOptions::from_env().expect("a legal environment") };
    let open = |passes| Device::open_blocking(&AdapterChoice::from_env(), options(passes)).expect("an adapter");
    let [none, fuse] = [PassOptions::None, PassOptions::Fuse].map(open);
    let gpu = Target { software: false, ..fuse.target() };
    for &(name, batch, size) in SMALL {
        let (model, training) = step(name, batch, size, &Recompute::Cheap);
        let mut close = [[false; 3]; 2];
        for seed in VALUES {
            let source = FillSource::new(&model, seed, 1.0);
            let values = values(&model, &source);
            let want = reference(&model.graph, &training, &values);
            let may = sensitivity(&model.graph, &training, &values, &want);
            let ways = [(&none, none.target()), (&fuse, fuse.target()), (&fuse, gpu.clone())];
            let results = ways.map(|(device, target)| two_steps(device, &target, &model, &training, &source, &values));
            let losses = results.each_ref().map(|(_, loss)| *loss);
            let off = results.map(|(first, _)| differences(&first, &want));
            println!("{name} {seed}: off by {off:?}, may be by {may:?}; second losses {losses:?}");
            let apart = losses.map(|loss| (loss / losses[0] - 1.0).abs());
            for (way, (all, worst)) in off.into_iter().enumerate() {
                assert!(all <= may.0 && worst <= may.1, "{name} {seed}: {all:e}, {worst:e}, may be {may:?}");
                assert!(apart[way] <= may.0, "{name} {seed}: losses {losses:?}, may be {may:?}");
                close[0][way] |= all <= 1e-5 && worst <= 5e-4;
                close[1][way] |= apart[way] <= 1e-5;
            }
            if close == [[true; 3]; 2] {
                break;
            }
        }
        assert_eq!(close, [[true; 3]; 2], "{name}: first steps and second losses, each way");
    }
}

/// Gradients, running statistics and loss of a first step, and the loss of a second one, as the device's options say and planned for
/// `target`.
pub(crate) fn two_steps(
    device: &Device,
    target: &Target,
    model: &Model,
    training: &Training,
    source: &FillSource,
    values: &HashMap<String, Tensor>,
) -> (Vec<Tensor>, f64) {
    let parameters = Arc::new(Parameters::upload(device, &model.graph, source).expect("the parameters"));
    let outputs: Vec<NodeId> =
        training.gradients.iter().chain(&training.assignments).map(|(_, node)| *node).chain([training.loss]).collect();
    let purpose = Purpose::Training { training, outputs: &outputs };
    let compiled = compile(&model.graph, &purpose, device.options().into(), target).expect("a plan");
    let mut session = TrainingSession::from_compiled(device, compiled, parameters).expect("a session");
    let input = &model.graph.node(model.input).name;
    let (image, labels) = (values[input].to_f32(), values["labels"].to_f32());
    let labels: Vec<u32> = labels.iter().map(|v| *v as u32).collect();
    let given = [(input.as_str(), InputData::F32(&image)), ("labels", InputData::U32(&labels))];
    let mut take = |number| {
        session.step_blocking(&given, StepOptions::new(0.05, number)).expect("a step");
        session.finish_blocking().expect("a result").expect("of the step")
    };
    let outputs = take(1).outputs.into_vec();
    let first = outputs.into_iter().map(|o| Tensor::from_f32(o.shape, o.f32().expect("f32")));
    (first.collect(), f64::from(take(2).loss))
}

fn plans(name: &str, batch: usize, size: usize, software: bool) -> (Optimized, [Plan; 2]) {
    let (model, training) = step(name, batch, size, &Recompute::Cheap);
    let optimized = optimized(&model, &training);
    let target = Target::new(Limits { max_buffer: 4 << 30, max_binding: 2 << 30, ..Limits::WEBGPU }, software);
    let before = plan_training(&model.graph, &[], &training, &target).expect("a plan");
    let after = plan_training(&optimized.graph, &[], &training.follow(&optimized), &target).expect("a plan");
    (optimized, [before, after])
}

const FAMILIES: [(&str, usize, usize); 4] =
    [("resnet18", 8, 64), ("keras_xception", 2, 160), ("unet", 2, 128), ("smp_deeplabv3plus_resnet18", 2, 128)];

#[test]
fn activations_and_batch_normalisations_are_one_pass() {
    for (name, batch, size) in FAMILIES {
        let (optimized, [before, after]) = plans(name, batch, size, true);
        println!("{name}: {} dispatches, {} before\n{}", after.dispatches(), before.dispatches(), optimized.report);
        let graph = &optimized.graph;
        let op = |id: &NodeId| &graph.node(*id).op;
        let normalised = |id: &NodeId| {
            matches!(
                op(id),
                Op::Fused(Fused::BatchNorm(FusedBatchNorm { residual: false, activation: Some(Unary::Relu), .. }))
            )
        };
        for (_, node) in graph.iter() {
            match node.op {
                Op::ChannelVariance => panic!("{name}: {} is not fused", node.name),
                Op::Gradient(Gradient::Unary(UnaryGrad(Unary::Relu))) => {
                    assert!(!normalised(&node.inputs[0]), "{name}: {}", node.name)
                }
                Op::Unary(Unary::Relu) => {
                    assert!(!matches!(op(&node.inputs[0]), Op::BatchNorm(_)), "{name}: {}", node.name);
                }
                _ => {}
            }
        }
        assert!((after.dispatches() as f64) < 0.87 * before.dispatches() as f64, "{name}");
    }
}

/// What has the size of the labels and all classes is not stored.
#[test]
fn logits_are_enlarged_where_the_loss_reads_them() {
    for (name, size) in [("small_deeplabv3plus", 64), ("smp_deeplabv3plus_resnet18", 64), ("smp_pspnet_resnet18", 64)] {
        let (optimized, [before, after]) = plans(name, 2, size, true);
        assert_eq!(optimized.report.count("fuse_resize_loss"), 1, "{name}: {}", optimized.report);
        let full = |graph: &Graph| graph.iter().any(|(_, n)| n.op.name() == "resize" && n.ty.shape.h == size);
        assert!(!full(&optimized.graph), "{name}: {}", optimized.graph);
        assert!(
            after.lower_bound < before.lower_bound,
            "{name}: {} B, then {} B",
            before.lower_bound,
            after.lower_bound
        );
    }
}

#[test]
fn training_activations_come_near_the_lower_bound() {
    for (name, batch, size) in FAMILIES {
        for software in [false, true] {
            let (_, plans) = plans(name, batch, size, software);
            let [before, after] = plans.map(|plan| (plan.activation_bytes(), plan.lower_bound));
            println!("{name} b{batch} {size}: {before:?} before, {after:?}");
            assert!(after.0 as f64 <= 1.05 * after.1 as f64, "{name}: {} B, lower bound {} B", after.0, after.1);
            assert!(after.1 <= before.1, "{name}: passes raise the lower bound from {} B to {} B", before.1, after.1);
        }
    }
}
