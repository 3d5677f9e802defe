//! What PyTorch and Keras compute: the cases `optimizer/…` of the golden data.

use std::path::Path;

use atrous_gpu::{Device, StepOptions};
use atrous_graph::Shape;
use atrous_graph::optim::{Convention, Optimizer};
use atrous_io::WeightFile;
use atrous_io::fill::uniform;
use atrous_tests::device;
use serde_json::Value;

use crate::network::{Network, Values, Way, step};

/// The rule that a case names; its weight decay and the norm it clips at.
fn rule(name: &str, params: &Value) -> (Optimizer, f64, Option<f64>) {
    let number = |key: &str| params[key].as_f64();
    let get = |key: &str| number(key).unwrap_or_else(|| panic!("{name} has no {key}"));
    let flag = |key: &str| params[key].as_bool().unwrap_or(false);
    let convention = if name.contains("/keras") { Convention::Keras } else { Convention::Torch };
    let momentum = number("momentum").unwrap_or(0.0);
    let optimizer = if name.contains("_sgd") {
        Optimizer::Sgd { momentum, dampening: 0.0, nesterov: flag("nesterov"), convention }
    } else if name.contains("_rmsprop") {
        let alpha = number("alpha").unwrap_or_else(|| get("rho"));
        Optimizer::RmsProp { alpha, eps: get("eps"), momentum, centered: flag("centered"), convention }
    } else {
        let (beta1, beta2, eps, decoupled) = (get("beta1"), get("beta2"), get("eps"), name.contains("_adamw"));
        Optimizer::Adam { beta1, beta2, eps, decoupled, convention }
    };
    (optimizer, number("weight_decay").unwrap_or(0.0), number("clip_grad_norm"))
}

fn check(device: &Device, folder: &Path, case: &Value) {
    let name = case["name"].as_str().expect("a name");
    let (optimizer, decay, clip) = rule(name, &case["params"]);
    let shapes = [("p", Shape::new(1, 1, 5, 7)), ("q", Shape::channels(11))];
    let mut network = Network::new(&shapes, optimizer, decay, Way::Copied);
    network.training.clip_norm = clip;
    let input = |key: &str| {
        let input = &case["inputs"][key];
        let number = |key: &str| input[key].as_f64().expect("a number");
        let n =
            input["shape"].as_array().expect("a shape").iter().map(|d| d.as_u64().expect("a side")).product::<u64>();
        uniform(input["fill"].as_str().expect("a fill"), n as usize, number("offset"), number("scale"))
    };
    let values: Values = ["p", "q"].map(|key| (key.to_owned(), input(key))).into();
    let parameters = network.upload(device, &values);
    let mut session = network.session(device, &[], &parameters);
    let file = WeightFile::open(folder.join(case["file"].as_str().expect("a file"))).expect("the results");
    let lr = case["params"]["lr"].as_f64().expect("a learning rate");
    for t in 1..=case["params"]["steps"].as_u64().expect("a number of steps") {
        let gradients: Values = ["p", "q"].map(|key| (key.to_owned(), input(&format!("g{key}{t}")))).into();
        step(&mut session, 0.0, &gradients, StepOptions::new(lr, t));
        let got = parameters.download_blocking().expect("the parameters");
        for key in ["p", "q"] {
            let output = &case["outputs"][format!("{key}_steps")];
            let want = file.tensor(output["key"].as_str().expect("a key")).and_then(|t| t.to_f32()).expect("f32");
            let (n, atol) = (got[key].len(), output["atol"].as_f64().expect("a tolerance"));
            let want = &want[(t as usize - 1) * n..t as usize * n];
            for (i, (got, want)) in got[key].iter().zip(want).enumerate() {
                let off = f64::from((got - want).abs());
                assert!(off <= atol, "{name} {key}[{i}] after step {t}: got {got}, want {want}, off by {off:e}");
            }
        }
    }
}

#[test]
fn every_golden_case_passes() {
    let bundled = || Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let folder = std::env::var_os("ATROUS_GOLDEN_DIR").map_or_else(bundled, Into::into);
    let text = std::fs::read_to_string(folder.join("ops.json")).expect("the list of cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a JSON list");
    let cases: Vec<&Value> = cases.iter().filter(|case| case["op"] == "optimizer").collect();
    assert!(!cases.is_empty());
    let device = device();
    for case in cases {
        check(&device, &folder, case);
    }
}
