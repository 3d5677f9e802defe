//! Training steps in f16: what stays f32, the same gradients in f64, and how far they are off on the device.

use std::collections::HashMap;

use atrous_cpu::Tensor;
use atrous_golden::fill::FillSource;
use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError};
use atrous_graph::autodiff::{Recompute, backward_from};
use atrous_graph::op::{Fused, Gradient, Reduce, Unary};
use atrous_graph::optim::{LossScale, LossScaling, Optimizer, Training};
use atrous_graph::passes::{Optimized, PassOptions, Precision};
use atrous_graph::{DType, Graph, NodeId, Op};
use atrous_kernels::{CompileOptions, Purpose, rewrite};
use atrous_nn::Model;

use crate::net::{Net, reason};

use super::training::{SMALL, differences, reference, step_with, two_steps, values};

/// Relative rounding of f16.
const ROUNDING: f64 = 1.0 / 2048.0;

fn scaled(name: &str, batch: usize, size: usize) -> (Model, Training) {
    step_with(name, batch, size, &Recompute::Cheap, Some(LossScaling::default()))
}

fn half(graph: &Graph, training: &Training, passes: PassOptions) -> Optimized {
    let options = CompileOptions { passes, precision: Precision::F16 };
    rewrite(graph, &Purpose::Training { training, outputs: &[] }, options).expect("a legal training")
}

#[test]
fn parameters_their_gradients_losses_and_totals_stay_f32() {
    for &(name, batch, size) in SMALL {
        for passes in [PassOptions::None, PassOptions::Fuse] {
            let (model, mut training) = scaled(name, batch, size);
            training.totals = vec![model.graph.find("losses").expect("a node")];
            let all = half(&model.graph, &training, passes);
            let (graph, now) = (&all.graph, training.follow(&all));
            now.validate(graph).expect("all that is trained is f32");
            let count = |half: &dyn Fn(&Op) -> bool| graph.iter().filter(|(_, n)| half(&n.op)).count();
            for (_, node) in graph.iter() {
                let dtype = node.ty.dtype;
                match node.op {
                    Op::Parameter | Op::Input => assert_ne!(dtype, DType::F16, "{name}: {}", node.name),
                    Op::Conv2d(_) | Op::Fused(Fused::Conv(_)) | Op::Conv2dGradInput(_) => {
                        assert_eq!(dtype, DType::F16, "{name}: {}", node.name);
                    }
                    Op::CrossEntropy(_)
                    | Op::Fused(Fused::CrossEntropy(_))
                    | Op::Reduce(_)
                    | Op::Gradient(Gradient::Conv2dWeight(_)) => {
                        assert_eq!(dtype, DType::F32, "{name}: {}", node.name);
                    }
                    _ => {}
                }
            }
            assert!(count(&|op| matches!(op, Op::Conv2dGradInput(_))) > 0, "{name}");
        }
    }
}

/// Activations between convolutions and their gradients are f16; what comes behind the last one is not, there and back.
#[test]
fn a_loss_is_made_in_f32_from_the_last_convolution_on() {
    let mut net = Net::new();
    let first = net.conv("first", net.x, 8, 1);
    let relu = net.relu("relu", first);
    let logits = net.conv("logits", relu, 3, 1);
    let sigmoid = net.add("sigmoid", Op::Unary(Unary::Sigmoid), &[logits]);
    let mean = net.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[sigmoid]);
    let loss = net.add("loss", Op::ChannelSum, &[mean]);
    let parameters: Vec<NodeId> = net.graph.parameters().map(|(id, _)| id).collect();
    let scale = LossScale::add(&mut net.graph, LossScaling::default()).expect("an input");
    let gradients = backward_from(&mut net.graph, &[(loss, scale.node)], &parameters, &Recompute::Nothing);
    let gradients = gradients.expect("gradients").into_iter().map(|g| g.expect("the loss depends on it"));
    let training = Training::new(loss, parameters.into_iter().zip(gradients), Optimizer::sgd(0.0)).loss_scale(scale);
    let all = half(&net.graph, &training, PassOptions::None);
    let graph = &all.graph;
    for (name, want) in [
        ("first", DType::F16),
        ("relu", DType::F16),
        ("logits", DType::F16),
        ("sigmoid", DType::F32),
        ("sigmoid.grad", DType::F32),
        ("relu.grad", DType::F16),
        ("logits.weight.grad", DType::F32),
    ] {
        let node = graph.node(graph.find(name).unwrap_or_else(|e| panic!("{e}\n{graph}")));
        assert_eq!(node.ty.dtype, want, "{name}\n{graph}");
    }
    let why = reason(&all, "half_storage", "sigmoid");
    assert_eq!(why, Some("a loss or a total is made of it"));
}

/// In f64, where casts change nothing and the scale is taken off again.
#[test]
fn the_reference_has_the_same_gradients_in_f16() {
    for &(name, batch, size) in SMALL {
        let (model, training) = scaled(name, batch, size);
        let mut values = values(&model, &FillSource::new(&model, "passes/", 1.0));
        let scale = |values: &mut HashMap<String, Tensor>, scale: f64| {
            values.get_mut("loss_scale").expect("an input").data[0] = scale;
        };
        scale(&mut values, 1.0);
        let want = reference(&model.graph, &training, &values);
        scale(&mut values, 1024.0);
        let all = half(&model.graph, &training, PassOptions::Fuse);
        let got = reference(&all.graph, &training.follow(&all), &values);
        let (_, worst) = differences(&unscaled(got, &training, 1024.0), &want);
        assert!(worst <= 1e-9, "{name}: {worst}");
    }
}

/// Gradients come first.
fn unscaled(mut all: Vec<Tensor>, training: &Training, scale: f64) -> Vec<Tensor> {
    all[..training.gradients.len()].iter_mut().flat_map(|t| &mut t.data).for_each(|v| *v /= scale);
    all
}

/// Rounding by `2^-11` is all that a smooth network is off by. Of each layer whose derivative jumps one in `2^11` units has an argument
/// that rounding moves to the other side, and gradients with it: what these are off by adds up by its square. The scale is the
/// first one: nothing overflows.
#[test]
fn a_step_in_f16_beside_one_in_f64() {
    let options =
        DeviceOptions { precision: Precision::F16, ..DeviceOptions::from_env().expect("a legal environment") };
    let device = match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Err(GpuError::NoF16 { .. }) => return,
        opened => opened.expect("an adapter"),
    };
    for &(name, batch, size) in SMALL {
        let (model, training) = scaled(name, batch, size);
        let jumps = |op: &Op| matches!(op, Op::Unary(Unary::Relu) | Op::MaxPool(_));
        let forward = model.graph.iter().take_while(|(id, _)| *id <= training.loss);
        let layers = forward.filter(|(_, node)| jumps(&node.op)).count();
        let source = FillSource::new(&model, "passes/", 1.0);
        let mut values = values(&model, &source);
        values.get_mut("loss_scale").expect("an input").data[0] = 1.0;
        let want = reference(&model.graph, &training, &values);
        let (got, second) = two_steps(&device, &device.target(), &model, &training, &source, &values);
        let (all, worst) = differences(&unscaled(got, &training, 65536.0), &want);
        let allowed = if layers == 0 { ROUNDING } else { (layers as f64 * ROUNDING).sqrt() };
        println!("{name}: off by {all:.1e}, at most {worst:.1e}, allowed {allowed:.1e}; second loss {second}");
        assert!(all <= allowed, "{name}: off by {all}, allowed {allowed}");
    }
}
