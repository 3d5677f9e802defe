//! First values: the distribution of every network's parameters, and that values depend on seed and name alone.

use std::collections::{HashMap, HashSet};

use atrous_graph::ParameterSource;
use atrous_nn::init::{Distribution, Fan, Scheme};
use atrous_nn::zoo::{self, BuildOptions};
use atrous_nn::{Init, Mode, Model, ParameterKind};

fn build(name: &str, mode: Mode) -> Model {
    let options = BuildOptions { input: Some((2, 64, 64)), mode, ..BuildOptions::default() };
    zoo::build(name, &options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Mean, standard deviation and largest absolute value.
fn statistics(values: &[f32]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt(), values.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max))
}

/// Checks that values are of a distribution: mean, deviation and largest value, within five standard errors.
fn check_values(name: &str, values: &[f32], distribution: Distribution) {
    let (mean, std, largest) = statistics(values);
    let n = values.len() as f64;
    let (wanted, most) = match distribution {
        Distribution::Constant(c) => return assert!(values.iter().all(|v| f64::from(*v) == c), "{name}"),
        Distribution::Uniform { bound } => (bound / 3f64.sqrt(), bound * (1.0 + 1e-7)),
        Distribution::Normal { std } => (std, 7.0 * std),
    };
    assert!(mean.abs() < 5.0 * wanted / n.sqrt(), "{name}: mean {mean} of {n} values");
    assert!((std / wanted - 1.0).abs() < 5.0 / n.sqrt(), "{name}: deviation {std}, not {wanted}, of {n} values");
    assert!(largest <= most, "{name}: {largest} is above {most}");
}

#[test]
fn every_parameter_is_drawn_from_its_distribution() {
    for name in ["resnet18", "small_unet", "small_xception", "smp_pspnet_resnet18", "smp_unet_resnet18"] {
        let model = build(name, Mode::Inference);
        let init = Init::new(&model, 3);
        for p in &model.parameters {
            check_values(&format!("{name} {}", p.name), &init.values(&p.name).unwrap(), p.init);
        }
    }
}

#[test]
fn rules_are_the_frameworks() {
    let uniform = |bound: f64| Distribution::Uniform { bound };
    let normal = |variance: f64| Distribution::Normal { std: variance.sqrt() };
    let zero = Distribution::Constant(0.0);
    let one = Distribution::Constant(1.0);
    let torch = |fan_in: f64| uniform((1.0 / fan_in).sqrt());
    let glorot = |fans: f64| uniform((6.0 / fans).sqrt());
    let rows = [
        ("resnet50", "conv1.weight", normal(2.0 / (64.0 * 49.0))),
        ("resnet50", "layer1.0.conv3.weight", normal(2.0 / 256.0)),
        ("resnet50", "layer1.0.downsample.0.weight", normal(2.0 / 256.0)),
        ("resnet50", "layer1.0.bn1.weight", one),
        ("resnet50", "layer1.0.bn1.bias", zero),
        ("resnet50", "layer1.0.bn1.running_mean", zero),
        ("resnet50", "layer1.0.bn1.running_var", one),
        ("resnet50", "fc.weight", torch(2048.0)),
        ("resnet50", "fc.bias", torch(2048.0)),
        ("deeplabv3_resnet50", "backbone.layer4.0.conv2.weight", normal(2.0 / (512.0 * 9.0))),
        ("deeplabv3_resnet50", "classifier.0.convs.1.0.weight", torch(2048.0 * 9.0)),
        ("deeplabv3_resnet50", "classifier.4.bias", torch(256.0)),
        ("smp_unet_resnet34", "encoder.layer1.0.conv1.weight", normal(2.0 / (64.0 * 9.0))),
        ("smp_unet_resnet34", "decoder.blocks.0.conv1.0.weight", uniform((6.0f64 / (768.0 * 9.0)).sqrt())),
        ("smp_unet_resnet34", "segmentation_head.0.weight", glorot((16.0 + 21.0) * 9.0)),
        ("smp_unet_resnet34", "segmentation_head.0.bias", zero),
        ("smp_pspnet_resnet34", "decoder.psp.blocks.0.pool.1.0.bias", zero),
        ("smp_deeplabv3plus_resnet50", "decoder.aspp.0.project.0.weight", torch(1280.0)),
        ("smp_deeplabv3plus_resnet50", "segmentation_head.0.bias", torch(256.0)),
        ("xception65", "blocks.3.stack.conv1.conv_dw.weight", torch(9.0)),
        ("xception65", "head.fc.bias", torch(2048.0)),
        ("unet", "up4.weight", torch(512.0 * 4.0)),
        ("unet", "up4.bias", torch(512.0 * 4.0)),
        ("keras_resnet50", "conv1_conv/kernel", glorot((3.0 + 64.0) * 49.0)),
        ("keras_resnet50", "conv1_conv/bias", zero),
        ("keras_xception", "block2_sepconv1/depthwise_kernel", glorot((64.0 + 1.0) * 9.0)),
        ("keras_xception", "block2_sepconv1/pointwise_kernel", glorot(64.0 + 128.0)),
        ("keras_xception", "predictions/bias", zero),
        ("keras_xception", "block2_sepconv1_bn/gamma", one),
        ("keras_xception", "block2_sepconv1_bn/moving_variance", one),
    ];
    let mut models: HashMap<&str, Model> = HashMap::new();
    for (network, parameter, wanted) in rows {
        let model = models.entry(network).or_insert_with(|| zoo::build(network, &BuildOptions::default()).unwrap());
        let got = model.parameter(parameter).unwrap_or_else(|| panic!("{network} {parameter}")).init;
        let same = match (got, wanted) {
            (Distribution::Uniform { bound: a }, Distribution::Uniform { bound: b })
            | (Distribution::Normal { std: a }, Distribution::Normal { std: b })
            | (Distribution::Constant(a), Distribution::Constant(b)) => (a - b).abs() <= 1e-12 * b,
            _ => false,
        };
        assert!(same, "{network} {parameter}: {got:?}, not {wanted:?}");
    }
}

#[test]
fn values_depend_on_seed_and_name_alone() {
    let (a, b) = (build("small_resnet", Mode::Inference), build("small_resnet", Mode::Training));
    let (one, same, other) = (Init::new(&a, 1), Init::new(&b, 1), Init::new(&a, 2));
    let mut seen = HashSet::new();
    for p in a.parameters.iter().rev() {
        let values = one.values(&p.name).unwrap();
        assert_eq!(values, same.values(&p.name).unwrap(), "{}", p.name);
        if matches!(p.kind, ParameterKind::Weight { .. }) {
            assert_ne!(values, other.values(&p.name).unwrap(), "{}", p.name);
            assert!(seen.insert(values[0].to_bits()), "{}", p.name);
        }
    }
    // As an independent implementation of the documented generator computes them.
    let bits = |name: &str| one.values(name).unwrap()[..3].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits("conv1.weight"), CONV1, "{:08x?}", bits("conv1.weight"));
    assert_eq!(bits("fc.bias"), FC, "{:08x?}", bits("fc.bias"));
}

const CONV1: [u32; 3] = [0xbb38_fc7a, 0x3da9_2574, 0x3e4f_b7d4];
const FC: [u32; 3] = [0x3df3_2b3f, 0x3bf3_1a8e, 0x3d9a_a889];

#[test]
fn values_are_written_in_the_graphs_order_with_zero_padding() {
    let model = build("small_resnet", Mode::Inference);
    let init = Init::new(&model, 5);
    let spec = model.parameter("fc.weight").unwrap();
    let ty = model.graph.node(spec.node).ty;
    let mut device = vec![f32::NAN; ty.padded_len()];
    init.write("fc.weight", ty, &mut device).unwrap();
    let values = init.values("fc.weight").unwrap();
    assert_eq!(device[ty.padded().index(0, 0, 7, 3)], values[3 * 64 + 7]);
    assert_eq!(device.iter().filter(|v| **v == 0.0).count(), ty.padded_len() - ty.shape.len());
    let error = init.write("fc.wieght", ty, &mut device).unwrap_err().to_string();
    assert_eq!(error, "parameter \"fc.wieght\": small_resnet has no such parameter");
}

#[test]
fn schemes_can_be_chosen() {
    let model = build("small_resnet", Mode::Inference);
    let init = Init::new(&model, 0);
    let normal = Scheme::Fixed(Distribution::Normal { std: 0.01 });
    let other = init.clone().with(&["fc"], normal).unwrap().with(&["fc.bias"], Scheme::constant(-2.0)).unwrap();
    check_values("fc.weight", &other.values("fc.weight").unwrap(), Distribution::Normal { std: 0.01 });
    assert_eq!(other.values("fc.bias").unwrap(), [-2.0; 10]);
    assert_eq!(other.values("conv1.weight").unwrap(), init.values("conv1.weight").unwrap());
    let all = init.clone().with(&["layer3"], Scheme::kaiming_uniform(Fan::Average)).unwrap();
    let wanted = Distribution::Uniform { bound: (6.0f64 / (64.0 * 9.0)).sqrt() };
    check_values("layer3", &all.values("layer3.0.conv2.weight").unwrap(), wanted);
    check_values("layer3", &all.values("layer3.0.bn2.weight").unwrap(), Distribution::Constant(1.0));
    let error = init.clone().with(&["layer4"], normal).unwrap_err().to_string();
    assert!(error.contains("\"layer4\"") && error.contains("similar names: layer1, layer2, layer3"), "{error}");
    let error = init.with(&["fc"], Scheme::Fixed(Distribution::Normal { std: -1.0 })).unwrap().values("fc.weight");
    assert!(error.unwrap_err().to_string().contains("not negative, got -1"));
}
