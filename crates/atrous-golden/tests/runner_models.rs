//! The runner on a network: every kind of stored result is compared.

use std::{fs, io::sink, path::Path};

use atrous_golden::runner::{Options, run};
use atrous_io::{WeightFile, save_tensors};
use serde_json::{Value, json};

const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");

/// The lines for a bundled network whose entry is changed by `change`, and whose tensor `name` by `perturb`.
fn golden(network: &str, change: impl Fn(&mut Value), name: &str, perturb: impl Fn(&mut [f32])) -> String {
    golden_in(false, network, change, name, perturb)
}

/// [`golden`], or with tensors in f16.
fn golden_in(
    f16: bool,
    network: &str,
    change: impl Fn(&mut Value),
    name: &str,
    perturb: impl Fn(&mut [f32]),
) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Path::new(BUNDLED), folder.path());
    let mut entries: Vec<Value> = serde_json::from_slice(&fs::read(from.join("models.json")).unwrap()).unwrap();
    entries.retain(|entry| entry["name"] == network);
    entries.iter_mut().for_each(change);
    fs::write(to.join("models.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
    fs::create_dir(to.join("models")).unwrap();
    for file in ["images.safetensors".to_owned(), format!("models/{network}.json.gz")] {
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
    let file = format!("models/{network}.safetensors");
    let stored = WeightFile::open(from.join(&file)).unwrap();
    let tensor = |n: &str| {
        let tensor = stored.tensor(n).unwrap();
        let mut values = tensor.to_f32().unwrap();
        if n == name {
            perturb(&mut values);
        }
        (n.to_owned(), tensor.shape.to_vec(), values)
    };
    save_tensors(to.join(&file), &stored.names().map(tensor).collect::<Vec<_>>()).unwrap();
    let options = Options { models: true, f16, folder: Some(to.to_owned()), ..Options::default() };
    let mut out = Vec::new();
    run(&options, &mut out, &mut sink()).unwrap();
    String::from_utf8(out).unwrap()
}

const UNCHANGED: fn(&mut Value) = |_| ();

#[test]
fn a_right_network_passes() {
    let text = golden("tiny_cnn", UNCHANGED, "", |_| ());
    assert!(
        text.starts_with("ok tiny_cnn/eval.photos\nok tiny_cnn/eval.odd\nok tiny_cnn/taps\nok tiny_cnn/train\n"),
        "{text}"
    );
    assert!(text.ends_with("golden: 4 passed, 0 failed, 0 unsupported\n"), "{text}");
}

#[test]
fn evaluations_in_f16_are_held_to_what_its_rounding_makes() {
    let text = golden_in(true, "tiny_cnn", UNCHANGED, "", |_| ());
    let passed =
        "ok tiny_cnn/eval.photos\nok tiny_cnn/eval.odd\nok tiny_cnn/train\ngolden: 3 passed, 0 failed, 0 unsupported\n";
    assert_eq!(text, passed);
    // A hundredth of the largest logit.
    let text = golden_in(true, "tiny_cnn", UNCHANGED, "tiny_cnn/odd/logits", |values| values[4] += 6e-3);
    assert!(text.contains("FAIL tiny_cnn/eval.odd: output at [0, 4]"), "{text}");
    // A hundredth of a gradient, a fifth of a mean element, half a percent of a running mean and of a loss.
    let fails = |change: &dyn Fn(&mut Value), name: &str, perturb: &dyn Fn(&mut [f32]), why: &str| {
        let text = golden_in(true, "tiny_cnn", change, name, perturb);
        let line = text.lines().find(|line| line.contains("tiny_cnn/train")).unwrap();
        assert!(line.starts_with("FAIL") && line.contains(why), "{why:?} in {line}");
    };
    let same: &dyn Fn(&mut Value) = &|_| ();
    fails(same, "tiny_cnn/train/grads", &|rows| rows[9 * 3] *= 1.01, "its norm");
    fails(same, "tiny_cnn/train/grads", &|rows| rows[9 * 2 + 4] += 0.2 * rows[9 * 2], "element");
    fails(same, "tiny_cnn/train/bn", &|rows| rows[9] *= 1.005, "running");
    fails(&|e| e["train"]["losses"][3] = json!(1.707), "", &|_| (), "the loss before step 4");
}

#[test]
fn a_wrong_logit_or_activation_fails_alone() {
    let text = golden("tiny_cnn", UNCHANGED, "tiny_cnn/odd/logits", |values| values[4] += 2e-4);
    assert!(text.contains("FAIL tiny_cnn/eval.odd: output at [0, 4]"), "{text}");
    assert!(text.contains("golden: 3 passed, 1 failed"), "{text}");
    let text = golden("tiny_cnn", UNCHANGED, "tiny_cnn/taps", |values| values[12 * 3 + 7] += 0.01);
    assert!(text.contains("FAIL tiny_cnn/taps: ") && text.contains("(1 of 10 activations off)"), "{text}");
    assert!(text.contains("golden: 3 passed, 1 failed"), "{text}");
}

#[test]
fn other_weights_counts_and_orders_fail() {
    let fails = |network: &str, change: &dyn Fn(&mut Value), why: &str| {
        let text = golden(network, change, "", |_| ());
        assert!(text.lines().any(|line| line.starts_with("FAIL") && line.contains(why)), "{why:?} in {text}");
    };
    fails("tiny_cnn", &|e| e["wvar"] = json!(2.1), "checksum");
    fails("tiny_cnn", &|e| e["macs"]["value"] = json!(1), "multiply-accumulates 606612, expected 1: off by 606611");
    fails("tiny_cnn", &|e| e["num_params"] = json!(4829), "parameters 4828, expected 4829: off by 1");
    fails("tiny_cnn", &|e| e["eval"]["photos"]["top5"][0] = json!([5, 2, 1, 4, 3]), "best classes of image 0");
    fails("tiny_cnn", &|e| e["eval"]["photos"]["input"]["preprocess"] = json!({"mode": "tf"}), "output at");
    fails("tiny_unet", &|e| e["eval"]["photos"]["projection"]["value"] = json!(12.0), "projection");
    fails("tiny_unet", &|e| e["eval"]["photos"]["mean_std_min_max"][1] = json!(0.47), "std");
    fails("tiny_unet", &|e| e["eval"]["photos"]["argmax_counts"][0] = json!(4403), "class 0 wins 4404 pixels");
}

#[test]
fn a_wrong_step_gradient_or_statistic_fails() {
    let fails = |change: &dyn Fn(&mut Value), name: &str, perturb: &dyn Fn(&mut [f32]), why: &str| {
        let text = golden("tiny_cnn", change, name, perturb);
        let line = text.lines().find(|line| line.contains("tiny_cnn/train")).unwrap();
        assert!(line.starts_with("FAIL") && line.contains(why), "{why:?} in {line}");
    };
    let same: &dyn Fn(&mut Value) = &|_| ();
    fails(&|e| e["train"]["optimizer"]["lr"] = json!(0.0201), "", &|_| (), "the loss before step");
    fails(&|e| e["train"]["losses"][0] = json!(2.274), "", &|_| (), "the loss before step 1");
    fails(&|e| e["train"]["inputs"]["target"]["fill"] = json!("other"), "", &|_| (), "gradient of");
    fails(same, "tiny_cnn/train/grads", &|rows| rows[9 * 3] *= 1.002, "its norm");
    fails(same, "tiny_cnn/train/grads", &|rows| rows[9 * 2 + 4] += 0.1, "element");
    fails(same, "tiny_cnn/train/bn", &|rows| rows[9 + 3] *= 1.001, "running");
}

#[test]
fn networks_that_are_not_there_are_unsupported() {
    let unknown = |e: &mut Value| e["constructor"] = json!("torchvision.models.squeezenet1_0(weights=None)");
    let text = golden("tiny_cnn", unknown, "", |_| ());
    assert!(text.contains("unsupported tiny_cnn/taps: \"torchvision.models.squeezenet1_0\""), "{text}");
    assert!(text.ends_with("golden: 0 passed, 0 failed, 4 unsupported\n"), "{text}");
}

#[test]
fn an_unknown_preparation_or_a_missing_file_is_reported() {
    let unknown = |e: &mut Value| e["eval"]["photos"]["input"]["preprocess"] = json!({"mode": "clip"});
    let text = golden("tiny_cnn", unknown, "", |_| ());
    assert!(text.starts_with("unsupported tiny_cnn: the entry is not understood: unknown variant `clip`"), "{text}");
    let text = golden("tiny_cnn", |e| e["detail"] = json!("models/none.json.gz"), "", |_| ());
    assert!(text.contains("FAIL tiny_cnn/eval.odd: cannot open ") && text.contains("none.json.gz"), "{text}");
}
