//! The registry: every name builds, for other classes, channels and sizes too, and refuses impossible ones.

use atrous_graph::Shape;
use atrous_nn::zoo::{self, BuildOptions, UNet, UpSampling};
use atrous_nn::{Mode, Network, Task};

#[test]
fn every_name_builds_with_its_defaults_and_with_other_sizes() {
    for name in zoo::names() {
        let info = zoo::network(name).unwrap().info();
        let [h, w] = info.size;
        let model = zoo::build(name, &BuildOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(model.name, name);
        assert_eq!(model.input_shape(), Shape::new(1, h, w, info.in_channels), "{name}");
        assert_eq!(model.output_shape().c, info.classes, "{name}");
        let options =
            BuildOptions { input: Some((2, h, w)), classes: Some(7), in_channels: Some(4), mode: Mode::Training };
        let model = zoo::build(name, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((model.output_shape().n, model.output_shape().c), (2, 7), "{name}");
        if info.task == Task::Classification {
            assert_eq!(model.output_shape(), Shape::new(2, 1, 1, 7), "{name}");
        }
    }
}

#[test]
fn known_parameter_counts() {
    let known = [("resnet101", 44_549_160), ("resnet152", 60_192_808), ("keras_resnet101", 44_601_832)];
    for (name, parameters) in known {
        let model = zoo::build(name, &BuildOptions::default()).unwrap();
        assert_eq!(model.num_parameters(), parameters, "{name}");
    }
}

#[test]
fn impossible_requests_name_what_is_wrong() {
    let cases = [
        ("smp_unet_resnet34", (1, 100, 96), "multiples of 32, got 100×96; 128×96 fits"),
        ("smp_deeplabv3plus_resnet50", (1, 24, 32), "multiples of 16, got 24×32; 32×32 fits"),
        ("unet_valid", (1, 574, 572), "height 574 cannot be halved 4 times; the next that can is 588"),
        ("keras_xception", (1, 2, 2), "in keras_xception for images of 1×2×2×3"),
        ("resnet50", (0, 224, 224), "every side must be at least 1, got 0×224×224×3"),
    ];
    for (name, input, reason) in cases {
        let options = BuildOptions { input: Some(input), ..BuildOptions::default() };
        let error = zoo::build(name, &options).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    let no_classes = BuildOptions { classes: Some(0), ..BuildOptions::default() };
    assert!(zoo::build("resnet18", &no_classes).unwrap_err().to_string().contains("classes must be at least 1, got 0"));
}

#[test]
fn unet_can_be_shallow_and_bilinear() {
    let network = UNet { depth: 2, base: 8, up: UpSampling::Bilinear, norm: false, ..UNet::PADDED };
    let model = network.build("small", Shape::new(1, 20, 28, 3), Mode::Inference).unwrap();
    assert_eq!(model.output_shape(), Shape::new(1, 20, 28, 21));
    assert_eq!(model.graph.shape(model.graph.find("enc3").unwrap()), Shape::new(1, 5, 7, 32));
}

#[test]
fn the_table_of_layers_adds_up() {
    let model = zoo::build("resnet18", &BuildOptions::default()).unwrap();
    let rows = model.layers();
    assert_eq!(rows.iter().map(|r| r.params).sum::<usize>(), model.num_parameters());
    assert_eq!(rows.iter().map(|r| r.macs).sum::<u64>(), model.macs());
    let text = model.summary().to_string();
    assert!(text.ends_with("11689512 trainable parameters, 1.8141 GMACs\n"), "{text}");
}
