//! Networks in training mode: running statistics by the framework's rule, and those that are made to be trained.

use atrous_graph::op::DropoutUnit;
use atrous_graph::{Op, Shape};
use atrous_nn::zoo::{self, BuildOptions};
use atrous_nn::{Mode, Model, Network};

fn build(name: &str, mode: Mode) -> Model {
    let options = BuildOptions { input: Some((2, 64, 64)), mode, ..BuildOptions::default() };
    zoo::build(name, &options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Keras' momentum, or 1 minus PyTorch's, and whether the running variance is the unbiased one.
const RULES: [(&str, f64, bool); 11] = [
    ("resnet18", 0.9, true),
    ("deeplabv3_resnet50", 0.9, true),
    ("smp_unet_resnet18", 0.9, true),
    ("smp_deeplabv3plus_resnet18", 0.9, true),
    ("unet", 0.9, true),
    ("xception65", 0.9, true),
    ("deeplabv3plus_xception65", 0.9997, true),
    ("small_deeplabv3plus", 0.9, true),
    ("keras_resnet50", 0.99, false),
    ("keras_xception", 0.99, false),
    ("small_xception", 0.9, false),
];

#[test]
fn running_statistics_follow_the_frameworks_rule() {
    for (name, keep, unbiased) in RULES {
        let model = build(name, Mode::Training);
        let norms = model.graph.nodes().iter().filter(|n| matches!(n.op, Op::BatchNorm(_))).collect::<Vec<_>>();
        assert_eq!(model.running.len(), 2 * norms.len(), "{name}");
        for (norm, updates) in norms.iter().zip(model.running.chunks(2)) {
            let x = model.graph.shape(norm.inputs[0]);
            let count = (x.n * x.h * x.w) as f64;
            let factors = [1.0, if unbiased { count / (count - 1.0) } else { 1.0 }];
            for ((update, statistic), factor) in updates.iter().zip(&norm.inputs[1..]).zip(factors) {
                let value = model.graph.node(update.value);
                let Op::RunningStat(rule) = value.op else { panic!("{name}: {:?}", value.op) };
                assert_eq!(value.inputs, [update.parameter, *statistic], "{name} {}", value.name);
                let near = |got: f64, want: f64| (got - want).abs() < 1e-12;
                assert!(near(rule.keep, keep) && near(rule.take, (1.0 - keep) * factor), "{name} {rule:?}");
            }
        }
    }
}

#[test]
fn small_networks_take_small_images() {
    let digits = |name: &str| {
        let options = BuildOptions {
            input: Some((32, 8, 8)),
            in_channels: Some(1),
            mode: Mode::Training,
            ..BuildOptions::default()
        };
        zoo::build(name, &options).unwrap()
    };
    for (name, parameters) in [("small_resnet", 77_754), ("small_xception", 26_730)] {
        let model = digits(name);
        assert_eq!(model.output_shape(), Shape::new(32, 1, 1, 10), "{name}");
        assert_eq!(model.num_parameters(), parameters, "{name}");
    }
    for side in [64, 96, 128] {
        for name in ["small_unet", "small_deeplabv3plus"] {
            let options = BuildOptions {
                input: Some((2, side, side)),
                classes: Some(5),
                mode: Mode::Training,
                ..BuildOptions::default()
            };
            let model = zoo::build(name, &options).unwrap();
            assert_eq!(model.output_shape(), Shape::new(2, side, side, 5), "{name}");
        }
    }
    for width in [0, usize::MAX] {
        let networks: [Box<dyn Network>; 3] = [
            Box::new(zoo::SmallResNet { width, ..Default::default() }),
            Box::new(zoo::SmallXception { width, ..Default::default() }),
            Box::new(zoo::Xception65 {
                plan: zoo::XceptionPlan { width, ..zoo::XceptionPlan::new(16, 1) },
                classes: 2,
            }),
        ];
        for network in networks {
            let error = network.build("narrow", Shape::new(1, 32, 32, 3), Mode::Inference).unwrap_err().to_string();
            assert!(error.contains(&format!("the width must lie in 1..=65536, got {width}")), "{error}");
        }
    }
}

/// What training drops, as the papers' code says: `nn.Dropout` and `nn.Dropout2d` of torchvision and segmentation-models-pytorch,
/// `slim.dropout(keep_prob=0.9)` of TensorFlow's `deeplab`.
#[test]
fn dropouts_are_those_of_the_frameworks() {
    let dropouts = |name: &str, mode| {
        let model = build(name, mode);
        let dropout = |node: &atrous_graph::Node| match node.op {
            Op::Dropout(op) => Some((node.name.clone(), op.unit, op.rate)),
            _ => None,
        };
        model.graph.nodes().iter().filter_map(dropout).collect::<Vec<_>>()
    };
    let (element, channel) = (DropoutUnit::Element, DropoutUnit::Channel);
    for (name, want) in [
        ("smp_pspnet_resnet18", vec![("decoder.dropout", channel, 0.2)]),
        ("smp_deeplabv3plus_resnet18", vec![("decoder.aspp.0.project.3", element, 0.5)]),
        ("deeplabv3plus_xception65", vec![("concat_projection_dropout", element, 0.1)]),
        ("deeplabv3plus_xception65_os8", vec![("concat_projection_dropout", element, 0.1)]),
    ] {
        let want: Vec<_> = want.into_iter().map(|(at, unit, rate)| (at.to_owned(), unit, rate)).collect();
        assert_eq!(dropouts(name, Mode::Training), want, "{name}");
    }
    assert_eq!(dropouts("deeplabv3plus_xception65", Mode::Inference), []);
}
