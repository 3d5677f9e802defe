//! The runner itself: that it finds what is wrong, and says so.

use std::{fs, io::sink, path::Path};

use atrous_golden::runner::{Options, Summary, run};
use atrous_io::{WeightFile, save_tensors};
use serde_json::{Value, json};

const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");

/// A folder with some of the bundled operations, changed by `change`, and the tensors of `file` changed by `perturb`.
fn folder(names: &[&str], change: impl Fn(&mut Value), file: &str, perturb: impl Fn(&mut [f32])) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(Path::new(BUNDLED).join("ops.json")).unwrap();
    let mut cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    cases.retain(|case| names.contains(&case["name"].as_str().unwrap()));
    assert_eq!(cases.len(), names.len());
    cases.iter_mut().for_each(change);
    fs::write(folder.path().join("ops.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    fs::create_dir(folder.path().join("ops")).unwrap();
    let stored = WeightFile::open(Path::new(BUNDLED).join(file)).unwrap();
    let tensors: Vec<_> = stored
        .names()
        .filter_map(|name| {
            let tensor = stored.tensor(name).unwrap();
            let mut values = tensor.to_f32()?;
            perturb(&mut values);
            Some((name.to_owned(), tensor.shape.to_vec(), values))
        })
        .collect();
    save_tensors(folder.path().join(file), &tensors).unwrap();
    folder
}

fn golden(folder: &tempfile::TempDir) -> (Summary, String) {
    let options = Options { ops: true, folder: Some(folder.path().to_owned()), ..Options::default() };
    let mut out = Vec::new();
    let summary = run(&options, &mut out, &mut sink()).unwrap();
    (summary, String::from_utf8(out).unwrap())
}

const POOL: &str = "ops/avg_pool2d.safetensors";

#[test]
fn right_results_pass() {
    let folder = folder(&["avg_pool2d/k2_s2", "avg_pool2d/k3_s2_p1"], |_| (), POOL, |_| ());
    let (summary, text) = golden(&folder);
    assert_eq!(summary, Summary { passed: 2, failed: 0, unsupported: 0 }, "{text}");
    assert!(text.starts_with("ok avg_pool2d/k2_s2\n") && text.ends_with("golden: 2 passed, 0 failed, 0 unsupported\n"));
}

#[test]
fn a_perturbed_element_fails() {
    let folder = folder(&["avg_pool2d/k2_s2"], |_| (), POOL, |values| values[3] += 1e-4);
    let (summary, text) = golden(&folder);
    assert_eq!(summary.failed, 1, "{text}");
    assert!(text.contains("FAIL avg_pool2d/k2_s2: out of the reference at [0, 0, 0, 3]"), "{text}");
    assert!(text.contains("off by 1.000e-4, allowed 8.440e-6 (1 of 160 values off)"), "{text}");
}

#[test]
fn a_wrong_operation_fails() {
    let exclude = |case: &mut Value| case["params"]["count_include_pad"] = json!(false);
    let (summary, text) = golden(&folder(&["avg_pool2d/k3_s2_p1"], exclude, POOL, |_| ()));
    assert_eq!(summary.failed, 1, "{text}");
}

#[test]
fn a_wrong_gradient_fails() {
    let more = |case: &mut Value| case["upstream"]["scale"] = json!(1.001);
    let (summary, text) = golden(&folder(&["avg_pool2d/k3_s2_p1"], more, POOL, |_| ()));
    assert_eq!(summary.failed, 1, "{text}");
    assert!(text.contains("FAIL avg_pool2d/k3_s2_p1: grad x of the reference at"), "{text}");
}

#[test]
fn wrong_optimizers_schedules_and_metrics_fail() {
    let fails = |name: &str, file: &str, change: fn(&mut Value)| {
        let (summary, text) = golden(&folder(&[name], |_| (), file, |_| ()));
        assert_eq!(summary.passed, 1, "{text}");
        let (summary, text) = golden(&folder(&[name], change, file, |_| ()));
        assert_eq!(summary.failed, 1, "{text}");
    };
    let decay = |case: &mut Value| case["params"]["weight_decay"] = json!(0.011);
    fails("optimizer/torch_sgd_momentum_wd", "ops/optimizer.safetensors", decay);
    let eps = |case: &mut Value| case["params"]["eps"] = json!(1e-3);
    fails("optimizer/keras_adam", "ops/optimizer.safetensors", eps);
    let maximize = |case: &mut Value| case["params"]["maximize"] = json!(true);
    fails("optimizer/torch_adam", "ops/optimizer.safetensors", maximize);
    let power = |case: &mut Value| case["params"]["power"] = json!(1.0);
    fails("schedule/torch_poly0.9", "ops/schedule.safetensors", power);
}

#[test]
fn what_is_not_known_is_unsupported_and_never_ignored() {
    let dilated = |case: &mut Value| case["params"]["weighting"] = json!("gaussian");
    let (summary, text) = golden(&folder(&["avg_pool2d/k2_s2"], dilated, POOL, |_| ()));
    assert_eq!(summary.unsupported, 1, "{text}");
    assert!(text.contains("unsupported avg_pool2d/k2_s2: unknown parameters \"weighting\": \"gaussian\""), "{text}");
    let renamed = |case: &mut Value| case["op"] = json!("median_pool2d");
    let (_, text) = golden(&folder(&["avg_pool2d/k2_s2"], renamed, POOL, |_| ()));
    assert!(text.contains("there is no operation \"median_pool2d\""), "{text}");
    let more = |case: &mut Value| case["inputs"]["mask"] = case["inputs"]["x"].clone();
    let (_, text) = golden(&folder(&["avg_pool2d/k2_s2"], more, POOL, |_| ()));
    assert!(text.contains("unsupported avg_pool2d/k2_s2: inputs [\"mask\"]"), "{text}");
}

#[test]
fn defaults_may_be_stated() {
    let passes = |name: &str, params: Value| {
        let state = |case: &mut Value| {
            params.as_object().unwrap().iter().for_each(|(key, value)| case["params"][key] = value.clone());
        };
        let file = format!("ops/{}.safetensors", name.split('/').next().unwrap());
        let (summary, text) = golden(&folder(&[name], state, &file, |_| ()));
        assert_eq!(summary.passed, 1, "{text}");
    };
    passes("optimizer/torch_sgd", json!({"maximize": false, "dampening": 0.0, "nesterov": false, "foreach": null}));
    passes("optimizer/torch_adam", json!({"amsgrad": false, "maximize": false, "weight_decay": 0.0}));
    passes("conv_transpose2d/keras_same_k2_s2_5to3_5x6", json!({"dilation": [1, 1], "output_padding": null}));
    passes("cross_entropy/plain", json!({"ignore_index": -100}));
    passes("kl_distill/with_cross_entropy", json!({"ignore_index": -100}));
    passes("dice_loss/smp_binary", json!({"mode": "multilabel"}));
    passes("focal_loss/softmax_ignore", json!({"reduction": "mean"}));
}

/// PyTorch's rules begin with `grad if not maximize else -grad`: with negative gradients its results stay as they are.
#[test]
fn losses_are_maximized_by_the_negative_gradient() {
    let text = fs::read_to_string(Path::new(BUNDLED).join("ops.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> = all.iter().map(|case| case["name"].as_str().unwrap()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| name.starts_with("optimizer/torch")).collect();
    assert!(names.len() >= 8, "{names:?}");
    let negative = |case: &mut Value| {
        case["params"]["maximize"] = json!(true);
        for (_, input) in case["inputs"].as_object_mut().unwrap().iter_mut().filter(|(name, _)| name.starts_with('g')) {
            for key in ["offset", "scale"] {
                input[key] = json!(-input[key].as_f64().unwrap());
            }
        }
    };
    let (summary, text) = golden(&folder(&names, negative, "ops/optimizer.safetensors", |_| ()));
    assert_eq!(summary, Summary { passed: names.len(), failed: 0, unsupported: 0 }, "{text}");
}

#[test]
fn options_that_atrous_lacks_are_unsupported() {
    let unsupported = |name: &str, change: &dyn Fn(&mut Value), why: &str| {
        let file = format!("ops/{}.safetensors", name.split('/').next().unwrap());
        let (summary, text) = golden(&folder(&[name], change, &file, |_| ()));
        assert!(summary.unsupported == 1 && text.contains(why), "{text}");
    };
    let state = |key: &'static str, value: Value| move |case: &mut Value| case["params"][key] = value.clone();
    let ignored = state("ignore_index", json!(255));
    unsupported("optimizer/torch_adam", &state("use_ema", json!(true)), "unknown parameters \"use_ema\"");
    unsupported("optimizer/keras_sgd_momentum", &state("clipnorm", json!(1.0)), "unknown parameters \"clipnorm\"");
    unsupported("conv_transpose2d/keras_same_k2_s2_5to3_5x6", &state("dilation", json!([2, 2])), "dilation or groups");
    unsupported("dice_loss/smp_binary", &ignored, "only labels can be ignored");
    unsupported("schedule/torch_step", &state("T_0", json!(4)), "unknown parameters \"T_0\"");
    let no_upstream = |case: &mut Value| case["upstream"] = Value::Null;
    unsupported("avg_pool2d/k2_s2", &no_upstream, "gradients without the one that arrives");
}

#[test]
fn a_rate_may_be_constant_or_the_largest_of_one_cycle() {
    let passes = |params: Value, rates: &[f32]| {
        let change = |case: &mut Value| case["params"] = params.clone();
        let rates = |values: &mut [f32]| values.copy_from_slice(rates);
        let (summary, text) = golden(&folder(&["schedule/torch_step"], change, "ops/schedule.safetensors", rates));
        assert_eq!(summary.passed, 1, "{text}");
    };
    passes(json!({"base_lr": 0.1}), &[0.1; 12]);
    // PyTorch: rises over steps 0 to 0.25 * 12 - 1 = 2, falls until step 11.
    let one_cycle = json!({"base_lr": 0.1, "max_lr": 1.0, "total_steps": 12, "pct_start": 0.25, "div_factor": 10.0,
        "final_div_factor": 10.0, "anneal_strategy": "cos", "three_phase": false});
    let wave = |from: f64, to: f64, t: f64| to + (from - to) / 2.0 * ((std::f64::consts::PI * t).cos() + 1.0);
    let fall = (3..12).map(|step| wave(1.0, 0.01, f64::from(step - 2) / 9.0));
    let rates: Vec<f32> = [0.1, 0.55, 1.0].into_iter().chain(fall).map(|rate| rate as f32).collect();
    passes(one_cycle, &rates);
}

#[test]
fn a_size_may_be_stated_by_one_number_or_two() {
    let each_axis = |case: &mut Value| {
        for key in ["factor", "scale_factor"] {
            if let Some(value) = case["params"].get(key).cloned() {
                case["params"][key] = json!([value, value]);
            }
        }
    };
    let names = ["resize_bilinear/torch_scale2.3", "resize_bilinear/keras_upsampling_x2"];
    let (summary, text) = golden(&folder(&names, each_axis, "ops/resize_bilinear.safetensors", |_| ()));
    assert_eq!(summary.passed, 2, "{text}");

    let by_scale = |case: &mut Value| {
        case["params"] =
            json!({"scale_factor": 2.0, "rule": "output floor(n*2.0); source coordinate uses 1/2.0, not in/out"});
    };
    let names = ["resize_nearest/torch_5x6_to_10x12"];
    let (summary, text) = golden(&folder(&names, by_scale, "ops/resize_nearest.safetensors", |_| ()));
    assert_eq!(summary.passed, 1, "{text}");
}

#[test]
fn an_entry_that_is_not_understood_does_not_hide_the_others() {
    let first = |case: &mut Value| {
        if case["name"] == "avg_pool2d/k2_s2" {
            case["outputs"]["out"]["atol"] = json!("small");
        }
    };
    let (summary, text) = golden(&folder(&["avg_pool2d/k2_s2", "avg_pool2d/k3_s2_p1"], first, POOL, |_| ()));
    assert_eq!(summary, Summary { passed: 1, failed: 0, unsupported: 1 }, "{text}");
    assert!(text.contains("unsupported avg_pool2d/k2_s2: the entry is not understood: invalid type: string"), "{text}");
    let elsewhere = |case: &mut Value| case["file"] = json!("ops/none.safetensors");
    let (summary, text) = golden(&folder(&["avg_pool2d/k2_s2"], elsewhere, POOL, |_| ()));
    assert!(summary.failed == 1 && text.contains("none.safetensors"), "{text}");
}

/// What PyTorch 2.15.0 and Keras 3.15.1 compute of what the bundled results lack: AMSGrad, NAdam, Adagrad, class
/// probabilities, limits of losses of differences. The folder `further` has the format of `tests/golden`.
#[test]
fn further_results_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/further").into();
    let options = Options { ops: true, folder: Some(folder), ..Options::default() };
    let mut out = Vec::new();
    let summary = run(&options, &mut out, &mut sink()).unwrap();
    assert_eq!(summary, Summary { passed: 22, failed: 0, unsupported: 0 }, "{}", String::from_utf8_lossy(&out));
}

#[test]
fn a_missing_folder_is_an_error() {
    let options = Options { folder: Some("/nonexistent".into()), ..Options::default() };
    let error = run(&options, &mut Vec::new(), &mut sink()).unwrap_err();
    assert!(format!("{error:#}").contains("no reference results at /nonexistent"), "{error:#}");
}
