//! A network of every family, with all passes, with those that keep parameters, and without any.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare};
use atrous_golden::fill::{self, FillSource};
use atrous_golden::network;
use atrous_gpu::{AdapterChoice, Device, DeviceOptions, InputData, Parameters, Session};
use atrous_graph::passes::{PassOptions, optimize};
use atrous_graph::{ParameterSource, Shape, TensorType};
use atrous_kernels::plan::plan;
use atrous_kernels::{Limits, Target};
use atrous_nn::{Mode, Model};

const FAMILIES: &[(&str, usize)] = &[
    ("tiny_cnn", 32),
    ("alexnet", 64),
    ("vgg11_bn", 32),
    ("resnet18", 64),
    ("resnet50", 32),
    ("keras_resnet50", 32),
    ("googlenet", 64),
    ("densenet121", 64),
    ("efficientnet_b0", 32),
    ("mobilenet_v2", 32),
    ("timm_seresnet50", 32),
    ("keras_xception", 96),
    ("xception65", 64),
    ("small_unet", 32),
    ("smp_unet_resnet18", 64),
    ("small_deeplabv3plus", 64),
    ("smp_deeplabv3plus_resnet18", 64),
    ("deeplabv3_resnet50", 64),
    ("fcn_resnet50", 32),
    ("smp_pspnet_resnet18", 64),
];

fn build(name: &str, size: usize) -> Model {
    build_for(name, [1, size, size], Mode::Inference)
}

/// A network for `n` images of `h`×`w` pixels.
pub(crate) fn build_for(name: &str, [n, h, w]: [usize; 3], mode: Mode) -> Model {
    let network = network(name).unwrap_or_else(|e| panic!("{e}"));
    let image = Shape::new(n, h, w, network.info().in_channels);
    network.build(name, image, mode).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn known() -> impl Iterator<Item = (&'static str, usize)> {
    FAMILIES.iter().copied().filter(|(name, _)| network(name).is_ok())
}

/// The results of a network's first output, planned for `target`.
fn run(device: &Device, model: &Model, passes: PassOptions, image: &[f32], target: &Target) -> Vec<f32> {
    let outputs = [model.output()];
    let optimized = optimize(&model.graph, &outputs, passes);
    let source = FillSource::new(model, "passes/", 1.0);
    let parameters = Parameters::upload(device, &optimized.graph, &optimized.source(&source)).expect("the parameters");
    let plan = plan(&optimized.graph, &optimized.now(&outputs), target).expect("a plan");
    let session = Session::from_plan(device, &optimized.graph, plan, Arc::new(parameters));
    let mut session = session.expect("a session");
    let input = model.graph.node(model.input).name.as_str();
    let mut results = session.run_blocking(&[(input, InputData::F32(image))]).expect("a run").into_vec();
    results.pop().expect("one output").f32().expect("logits").to_vec()
}

/// Without passes, with those that keep parameters and with all; the last also as planned for a GPU, by kernels that keep tiles in
/// workgroup memory and meet at barriers. Differences count relative to the largest logit: nothing is known of what was added up on
/// the way to each.
#[test]
fn every_family_computes_the_same_every_way() {
    let options = |passes| DeviceOptions { passes, ..DeviceOptions::from_env().expect("a legal environment") };
    let open = |passes| Device::open_blocking(&AdapterChoice::from_env(), options(passes)).expect("an adapter");
    let [none, all] = [PassOptions::None, PassOptions::Fold].map(open);
    for (name, size) in known() {
        let model = build(name, size);
        let image = fill::uniform(name, size * size * model.graph.shape(model.input).c, 0.0, 1.0);
        let want = run(&none, &model, PassOptions::None, &image, &none.target());
        let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest > 0.0, "{name} makes nothing of the image");
        let want = Tensor::from_f32(model.output_shape(), &want);
        let magnitude = want.map(|_| f64::from(largest));
        let gpu = Target { software: false, ..all.target() };
        let ways = [(PassOptions::Fuse, &all.target()), (PassOptions::Fold, &all.target()), (PassOptions::Fold, &gpu)];
        for (passes, target) in ways {
            let got = run(&all, &model, passes, &image, target);
            let software = target.software;
            compare(&got, &want, &magnitude, Tolerance::F32)
                .unwrap_or_else(|e| panic!("{name}, {passes:?}, software {software}: {e}"));
        }
    }
}

/// In f64, where only the rounding of folded parameters is left: fusing changes nothing at all.
#[test]
fn the_reference_agrees_with_the_rewritten_graph() {
    for (name, size) in [("tiny_cnn", 32), ("small_resnet", 32), ("small_xception", 64), ("small_unet", 32)] {
        let model = build(name, size);
        let source = FillSource::new(&model, "passes/", 1.0);
        let image = fill::uniform(name, size * size * model.graph.shape(model.input).c, 0.0, 1.0);
        let result = |passes| {
            let outputs = [model.output()];
            let optimized = optimize(&model.graph, &outputs, passes);
            let given = optimized.source(&source);
            let mut values: HashMap<String, Tensor> = optimized
                .graph
                .parameters()
                .map(|(_, node)| {
                    (node.name.clone(), Tensor::from_f32(node.ty.shape, &dense(&given, &node.name, node.ty)))
                })
                .collect();
            let input = model.graph.node(model.input);
            values.insert(input.name.clone(), Tensor::from_f32(input.ty.shape, &image));
            let results = atrous_cpu::run(&optimized.graph, &values, &optimized.now(&outputs)).expect("the reference");
            results.into_iter().next().expect("one result")
        };
        let want = result(PassOptions::None);
        let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert_eq!(result(PassOptions::Fuse), want, "{name}");
        let folded = result(PassOptions::Fold);
        for (got, want) in folded.data.iter().zip(&want.data) {
            assert!((got - want).abs() <= 1e-6 * largest, "{name}: {got} and {want}, the largest is {largest}");
        }
        assert!(folded != want || model.graph.nodes().iter().all(|n| n.op.name() != "batch_norm"), "{name}");
    }
}

pub(crate) fn dense(source: &dyn ParameterSource, name: &str, ty: TensorType) -> Vec<f32> {
    let mut device = vec![0.0; ty.padded_len()];
    source.write(name, ty, &mut device).expect("a parameter");
    ty.unpack(&device)
}

#[test]
fn plans_are_shorter_and_say_as_much_arithmetic() {
    for (name, size) in known() {
        let model = build(name, size);
        let optimized = optimize(&model.graph, &[model.output()], PassOptions::Fold);
        let target = Target::new(Limits::WEBGPU, true);
        let [before, after] = [(&model.graph, model.output()), (&optimized.graph, optimized.now(&[model.output()])[0])]
            .map(|(graph, output)| plan(graph, &[output], &target).expect("a plan"));
        match optimized.report.count("pooled_bias") {
            0 => assert_eq!(before.macs(), after.macs(), "{name}"),
            _ => assert!(before.macs() > after.macs(), "{name}"),
        }
        assert!(after.dispatches() < before.dispatches(), "{name}: {}", optimized.report);
        assert!(after.lower_bound <= before.lower_bound, "{name}");
        let again = optimize(&optimized.graph, optimized.graph.outputs(), PassOptions::Fold);
        assert_eq!(again.graph.nodes(), optimized.graph.nodes(), "{name}: the passes do not settle");
    }
}

#[test]
fn activations_come_close_to_the_lower_bound() {
    let networks = [("resnet50", 224), ("keras_xception", 299), ("unet", 256), ("smp_deeplabv3plus_resnet50", 256)];
    for (name, size) in networks {
        let model = build(name, size);
        let optimized = optimize(&model.graph, &[model.output()], PassOptions::Fold);
        for software in [false, true] {
            let target = Target::new(Limits::WEBGPU, software);
            let plan = plan(&optimized.graph, &optimized.now(&[model.output()]), &target).expect("a plan");
            let (bytes, bound) = (plan.activation_bytes(), plan.lower_bound);
            assert!(bytes as f64 <= 1.05 * bound as f64, "{name}: {bytes} B for a lower bound of {bound} B");
        }
    }
}
