//! Every network of the golden set that the zoo builds, held to what its framework says about it: the state's names, shapes,
//! kinds and order, the name and shape of every submodule's output, parameter counts and multiply-accumulates.

use std::io::Read;
use std::path::{Path, PathBuf};

use atrous_golden::{ConstructorError, from_constructor};
use atrous_graph::op::Conv2d;
use atrous_graph::{NodeId, Op, Shape, cost};
use atrous_nn::zoo::DeepLabXception65;
use atrous_nn::{Mode, Model, Network, ParameterKind, StateTensor};
use serde_json::Value;

/// Constructors of the bundled golden set that the zoo must know; others may follow.
const KNOWN: usize = 18;

fn golden() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    std::env::var_os("ATROUS_GOLDEN_DIR").map_or_else(default, PathBuf::from)
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_some_and(|e| e == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    } else {
        serde_json::from_slice(&bytes).unwrap()
    }
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The network of an entry for images `[n, c, h, w]`; `None` if its constructor is not known.
fn construct(entry: &Value, nchw: &[usize], mode: Mode) -> Option<Model> {
    match from_constructor(text(&entry["constructor"]), nhwc(nchw), mode) {
        Ok(model) => Some(model),
        Err(ConstructorError::Syntax { .. } | ConstructorError::Unsupported { .. }) => None,
        Err(error) => panic!("{}: {error}", entry["name"]),
    }
}

fn entries() -> Vec<Value> {
    json(&golden().join("models.json")).as_array().unwrap().clone()
}

fn kind(tensor: StateTensor<'_>) -> (&'static str, Option<usize>) {
    match tensor.kind() {
        Some(ParameterKind::Weight { fan_in }) => ("weight", Some(fan_in)),
        Some(ParameterKind::Bias) => ("bias", None),
        Some(ParameterKind::BnWeight) => ("bn_weight", None),
        Some(ParameterKind::BnBias) => ("bn_bias", None),
        Some(ParameterKind::RunningMean) => ("running_mean", None),
        Some(ParameterKind::RunningVar) => ("running_var", None),
        None => ("zero_i64", None),
    }
}

/// The shape in the graph of a framework's NCHW or NC tensor.
fn nhwc(shape: &[usize]) -> Shape {
    match shape {
        [n, c] => Shape::new(*n, 1, 1, *c),
        [n, c, h, w] => Shape::new(*n, *h, *w, *c),
        other => panic!("a tap of shape {other:?}"),
    }
}

fn check_state(name: &str, model: &Model, detail: &Value) {
    let state = model.state();
    let wanted = detail["params"].as_array().unwrap();
    for (tensor, want) in state.iter().zip(wanted) {
        let fan_in = want["fan_in"].as_u64().map(|f| f as usize);
        let shape = sizes(&want["shape"]);
        let got = (tensor.name(), tensor.shape(), kind(*tensor));
        assert_eq!(got, (text(&want["name"]), shape.as_slice(), (text(&want["kind"]), fan_in)), "{name}");
        if let StateTensor::Used(p) = tensor {
            assert_eq!(p.trainable, want["param"].as_bool().unwrap(), "{name}: {}", p.name);
            assert_eq!(p.len(), model.graph.shape(p.node).len(), "{name}: {}", p.name);
        }
    }
    assert_eq!(state.len(), wanted.len(), "{name}: number of tensors");
}

#[test]
fn networks_have_the_frameworks_names_shapes_and_costs() {
    let mut known = 0;
    for entry in entries() {
        let name = text(&entry["name"]);
        let photos = &entry["eval"]["photos"];
        let Some(model) = construct(&entry, &sizes(&photos["input"]["shape"]), Mode::Inference) else { continue };
        known += 1;
        let detail = json(&golden().join(text(&entry["detail"])));
        check_state(name, &model, &detail);
        for tap in detail["taps"].as_array().unwrap() {
            let id = model.graph.find(text(&tap["name"])).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(model.graph.shape(id), nhwc(&sizes(&tap["shape"])), "{name}: {}", tap["name"]);
        }
        assert_eq!(model.num_parameters() as u64, entry["num_params"].as_u64().unwrap(), "{name}: parameters");
        let trainable = model.state().into_iter().filter(|t| t.kind().is_some_and(ParameterKind::is_trainable));
        assert_eq!(trainable.count() as u64, entry["num_param_tensors"].as_u64().unwrap(), "{name}: tensors");
        for (_, eval) in entry["eval"].as_object().unwrap() {
            let model = construct(&entry, &sizes(&eval["input"]["shape"]), Mode::Inference).unwrap();
            assert_eq!(model.output_shape(), nhwc(&sizes(&eval["shape"])), "{name}: result");
        }
        let mut input = sizes(&entry["macs"]["input"]);
        if text(&entry["framework"]) == "keras" {
            input = vec![input[0], input[3], input[1], input[2]];
        }
        let single = construct(&entry, &input, Mode::Inference).unwrap();
        assert_eq!(single.macs(), entry["macs"]["value"].as_u64().unwrap(), "{name}: multiply-accumulates");
    }
    let least = if std::env::var_os("ATROUS_GOLDEN_DIR").is_some() { 0 } else { KNOWN };
    assert!(known >= least, "{known} of the constructors are known, {least} were");
}

#[test]
fn training_graphs_compute_every_running_statistic() {
    for entry in entries() {
        let name = text(&entry["name"]);
        let input = sizes(&entry["train"]["inputs"]["x"]["shape"]);
        let Some(model) = construct(&entry, &input, Mode::Training) else { continue };
        let detail = json(&golden().join(text(&entry["detail"])));
        check_state(name, &model, &detail);
        let statistics: Vec<&str> = model.running.iter().map(|u| model.graph.node(u.parameter).name.as_str()).collect();
        let wanted = detail["bn"].as_array().unwrap().iter().map(text);
        let unused = |n: &&str| !model.unused.iter().any(|u| u.name == *n);
        assert_eq!(statistics, wanted.filter(unused).collect::<Vec<_>>(), "{name}");
        for update in &model.running {
            let value = model.graph.node(update.value);
            assert_eq!(value.name, format!("{}.new", model.graph.node(update.parameter).name), "{name}");
        }
    }
}

/// Networks of the table in `models.md` that have no file of their own.
#[test]
fn networks_without_a_file_cost_what_the_table_says() {
    let smp = "smp.DeepLabV3Plus(encoder_weights=None, classes=21, encoder_output_stride=8, encoder_name=";
    let rows = [
        ("torchvision.models.resnet101(weights=None)".to_owned(), 224, 44_549_160, "7.8014"),
        (format!("{smp}'resnet50')"), 512, 26_682_725, "111.7155"),
        (format!("{smp}'resnet34')"), 512, 22_442_597, "95.6908"),
        (
            "smp.PSPNet(encoder_weights=None, classes=21, encoder_name='resnet50', psp_out_channels=256)".to_owned(),
            512,
            24_082_133,
            "10.7501",
        ),
        ("nets.DeepLabXception65(classes=21, output_stride=8)".to_owned(), 513, 41_055_413, "176.8515"),
    ];
    for (constructor, side, parameters, gmacs) in rows {
        let model = from_constructor(&constructor, Shape::new(1, side, side, 3), Mode::Inference).unwrap();
        let got = (model.num_parameters(), format!("{:.4}", model.macs() as f64 / 1e9));
        assert_eq!(got, (parameters, gmacs.to_owned()), "{constructor}");
    }
}

/// The table of `models.md` for DeepLabV3+ at 513×513: parameters, GMACs as they are, GMACs with padded atrous grids.
#[test]
fn deeplab_costs_what_the_paper_table_says() {
    let rows = [
        (16, false, false, 53_407_813, "64.92", "67.85"),
        (16, true, false, 54_711_461, "86.68", "89.61"),
        (16, true, true, 41_055_413, "54.04", "54.05"),
        (8, false, false, 53_407_813, "227.04", "240.67"),
        (8, true, false, 54_711_461, "248.78", "262.42"),
        (8, true, true, 41_055_413, "176.85", "176.96"),
    ];
    for (output_stride, decoder, separable, parameters, plain, padded) in rows {
        let mut network = DeepLabXception65 { decoder, separable, ..DeepLabXception65::default() };
        network.plan.output_stride = output_stride;
        let model = network.build("deeplab", Shape::new(1, 513, 513, 3), Mode::Inference).unwrap();
        let giga = |macs: u64| format!("{:.2}", macs as f64 / 1e9);
        let got = (model.num_parameters(), giga(model.macs()), giga(macs_space_to_batch(&model)));
        assert_eq!(got, (parameters, plain.to_owned(), padded.to_owned()), "{network:?}");
    }
}

/// Multiply-accumulates with atrous convolutions counted as TensorFlow runs them: the output grid is padded up to a multiple of the
/// dilation on each side (`SpaceToBatch`).
fn macs_space_to_batch(model: &Model) -> u64 {
    let graph = &model.graph;
    let padded = |id: NodeId| match graph.node(id).op {
        Op::Conv2d(Conv2d { dilation: [rows, columns], .. }) => {
            let out = graph.shape(id);
            let grid = out.h.next_multiple_of(rows) * out.w.next_multiple_of(columns);
            cost::macs(graph, id) / (out.h * out.w) as u64 * grid as u64
        }
        _ => cost::macs(graph, id),
    };
    graph.iter().map(|(id, _)| padded(id)).sum()
}
