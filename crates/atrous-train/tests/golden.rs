//! Schedules and metrics against PyTorch's results in `tests/golden`.

use std::{env, fs, path::PathBuf};

use atrous_io::{WeightFile, fill};
use atrous_train::{
    Schedule,
    metrics::{Confusion, TopK},
};
use serde_json::Value;

fn folder() -> PathBuf {
    let bundled = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    env::var_os("ATROUS_GOLDEN_DIR").map_or_else(bundled, PathBuf::from)
}

/// All cases of an operation.
fn cases(op: &str) -> Vec<Value> {
    let text = fs::read(folder().join("ops.json")).unwrap();
    let all: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let cases: Vec<Value> = all.into_iter().filter(|c| c["op"] == op).collect();
    assert!(!cases.is_empty(), "no case of {op}");
    cases
}

fn file(case: &Value) -> WeightFile {
    WeightFile::open(folder().join(case["file"].as_str().unwrap())).unwrap()
}

fn floats(file: &WeightFile, case: &Value, output: &str) -> Vec<f32> {
    file.tensor(case["outputs"][output]["key"].as_str().unwrap()).unwrap().to_f32().unwrap()
}

fn integers(file: &WeightFile, case: &Value, output: &str) -> Vec<i64> {
    file.tensor(case["outputs"][output]["key"].as_str().unwrap()).unwrap().to_i64().unwrap()
}

/// The schedule that a case describes.
fn schedule(params: &Value) -> Schedule {
    let float = |key: &str| params[key].as_f64();
    let count = |key: &str| params[key].as_u64();
    if let Some(steps) = count("linear_iters") {
        let then = params["then"].as_str().unwrap().strip_prefix("cosine T_max=").unwrap();
        let then = Box::new(Schedule::Cosine { steps: then.parse().unwrap(), min: 0.0 });
        return Schedule::Warmup { steps, start: float("linear_start").unwrap(), then };
    }
    if let Some(steps) = count("T_max") {
        return Schedule::Cosine { steps, min: float("eta_min").unwrap_or(0.0) };
    }
    if let Some(steps) = count("total_iters") {
        return Schedule::Poly { steps, power: float("power").unwrap() };
    }
    let gamma = float("gamma").unwrap();
    if let Some(step_size) = count("step_size") {
        return Schedule::Step { step_size, gamma };
    }
    match params["milestones"].as_array() {
        Some(list) => Schedule::MultiStep { milestones: list.iter().map(|m| m.as_u64().unwrap()).collect(), gamma },
        None => Schedule::Exponential { gamma },
    }
}

#[test]
fn schedules_give_pytorch_s_rates() {
    for case in cases("schedule") {
        let schedule = schedule(&case["params"]);
        schedule.validate().unwrap();
        let base = case["params"]["base_lr"].as_f64().unwrap();
        for (step, want) in floats(&file(&case), &case, "lr").into_iter().enumerate() {
            // The files hold f32; both sides were computed in f64.
            let got = schedule.rate(base, step as u64) as f32;
            assert!((got - want).abs() <= want.abs() * f32::EPSILON, "{}: step {step}: {got} {want}", case["name"]);
        }
    }
}

/// The values of input `x` and the labels of a case.
fn inputs(case: &Value) -> (Vec<f32>, Vec<u32>, Vec<usize>) {
    let shape = |input: &Value| -> Vec<usize> {
        input["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    };
    let (x, target) = (&case["inputs"]["x"], &case["inputs"]["target"]);
    let count = |input: &Value| shape(input).iter().product();
    let number = |key: &str| target[key].as_u64().unwrap() as u32;
    let values = fill::uniform(x["fill"].as_str().unwrap(), count(x), 0.0, 1.0);
    let (name, n) = (target["fill"].as_str().unwrap(), count(target));
    let labels = fill::labels(name, n, number("classes"), number("ignore_percent"), number("ignore_index"));
    (values, labels, shape(x))
}

#[test]
fn metrics_are_those_of_pytorch_and_sklearn() {
    let close = |got: f64, want: f32, what: &str| {
        assert!((got - f64::from(want)).abs() <= f64::from(want) * 1e-6, "{what}: {got} {want}");
    };
    for case in cases("metric") {
        let name = case["name"].as_str().unwrap();
        let (x, target, shape) = inputs(&case);
        let file = file(&case);
        if let [_, classes] = shape[..] {
            for k in [1, 5] {
                let mut top = TopK::new(k);
                top.add(&x, classes, &target).unwrap();
                assert_eq!(integers(&file, &case, &format!("top{k}")), [top.correct as i64], "{name}");
            }
            continue;
        }
        let [n, classes, h, w] = shape[..] else { panic!("{name}: {shape:?}") };
        let plane = h * w;
        let logit = |pixel: usize, class: usize| x[(pixel / plane * classes + class) * plane + pixel % plane];
        let first_largest = |pixel: usize| {
            (0..classes).fold(0, |best, c| if logit(pixel, c) > logit(pixel, best) { c } else { best }) as u32
        };
        let predicted: Vec<u32> = (0..n * plane).map(first_largest).collect();
        let mut confusion = Confusion::new(classes);
        confusion.add(&target, &predicted, Some(255)).unwrap();
        let counts: Vec<i64> = confusion.counts().iter().map(|c| *c as i64).collect();
        assert_eq!(counts, integers(&file, &case, "confusion"), "{name}");
        for (got, want) in confusion.iou().into_iter().zip(floats(&file, &case, "iou")) {
            close(got.unwrap(), want, name);
        }
        close(confusion.mean_iou().unwrap(), floats(&file, &case, "mean_iou")[0], name);
        close(confusion.accuracy().unwrap(), floats(&file, &case, "pixel_accuracy")[0], name);
    }
}
