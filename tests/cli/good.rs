//! What the programs print and write for good input.

use std::io::Read;
use std::process::{Command, Stdio};

use super::support::{Folder, ROOT, succeed};

/// Size, bit depth and colour type that a PNG states (W3C PNG, 11.2.2).
fn png_header(path: &str) -> (u32, u32, u8, u8) {
    let bytes = std::fs::read(path).expect("the picture was written");
    assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
    let word = |i: usize| u32::from_be_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    (word(16), word(20), bytes[24], bytes[25])
}

#[test]
fn segment_writes_a_palette_png_and_an_overlay_and_equals_the_stored_result() {
    const PALETTE: u8 = 3;
    const RGB: u8 = 2;
    let folder = Folder::new("segment");
    let mask = folder.path("mask.png");
    let text = succeed("segment", &["examples/photos/china.png", "-o", &mask, "--size", "128"]);
    assert!(text.contains("equals PyTorch's stored one"), "{text}");
    assert!(text.contains("% of the pixels"), "{text}");
    assert_eq!(png_header(&mask), (320, 320, 8, PALETTE));
    assert_eq!(png_header(&folder.path("mask.overlay.png")), (320, 320, 8, RGB));
}

#[test]
fn classify_prints_the_best_classes_and_equals_the_stored_result() {
    let text = succeed("classify", &["examples/photos/flower.png", "-k", "3", "--model", "resnet18"]);
    assert_eq!(text.lines().filter(|line| line.contains("%  class ")).count(), 3, "{text}");
    assert!(text.contains("equals PyTorch's stored one"), "{text}");
}

#[test]
fn labels_stand_beside_the_classes() {
    let folder = Folder::new("good-labels");
    let labels: String = (0..10).map(|i| format!("label number {i}\n")).collect();
    let labels = folder.file("labels.txt", labels.as_bytes());
    let arguments = ["examples/photos/flower.png", "-k", "10", "--model", "small_resnet", "--labels", &labels];
    let text = succeed("classify", &arguments);
    for i in 0..10 {
        assert!(text.contains(&format!("class   {i}  label number {i}\n")), "{text}");
    }
    // Fewer classes than are printed by default.
    let two = succeed("classify", &["examples/photos/flower.png", "--model", "small_resnet", "--classes", "2"]);
    assert!(two.contains("  class   0") && two.contains("  class   1"), "{two}");
}

#[test]
fn info_marks_the_adapter_that_would_be_used() {
    let text = succeed("atrous", &["info"]);
    assert_eq!(text.matches("<- used").count(), 1, "{text}");
    for row in ["largest binding", "workgroup memory", "features"] {
        assert!(text.contains(row), "{text}");
    }
}

#[test]
fn summary_has_the_totals_of_the_papers() {
    let text = succeed("atrous", &["summary", "resnet50"]);
    assert!(text.contains("layer3.5.conv2"), "{text}");
    assert!(text.contains("25557032 trainable parameters, 4.0892 GMACs"), "{text}");
    let text = succeed("atrous", &["summary", "resnet50", "--size", "64x96", "--batch", "2", "--classes", "7"]);
    assert!(text.contains("input 2×64×96×3") && text.contains("2×1×1×7"), "{text}");
}

#[test]
fn plans_need_no_adapter_within_the_limits_of_webgpu() {
    let text = succeed("atrous", &["plan", "resnet18", "--limits", "webgpu", "--adapter", "none such"]);
    assert!(text.contains("predicted peak") && text.contains("lower bound"), "{text}");
    let text = succeed("atrous", &["plan", "resnet18"]);
    assert!(text.contains("predicted peak"), "{text}");
}

#[test]
fn plans_say_why_if_they_are_asked() {
    let plan = |more: &[&str]| succeed("atrous", &[&["plan", "small_resnet", "--limits", "webgpu"], more].concat());
    let (text, why) = (plan(&[]), plan(&["--why"]));
    assert!(text.contains("fold_batch_norm: ") && !text.contains(" not "), "{text}");
    let (reasons, rest): (Vec<&str>, Vec<&str>) = why.lines().partition(|line| line.contains("  not "));
    assert!(rest.into_iter().eq(text.lines()), "{why}");
    // Kernels decline above the totals, passes below.
    let (kernels, passes) = why.split_once("predicted peak").expect("the totals");
    assert!(
        kernels.contains("  not ") && passes.contains("  not ") && reasons.iter().all(|line| line.contains(": ")),
        "{why}"
    );
}

#[test]
fn profiles_list_all_layers_and_are_written_for_trace_viewers() {
    let folder = Folder::new("profile");
    let trace = folder.path("trace.json");
    let text = succeed("atrous", &["profile", "small_resnet", "--runs", "2", "--batch", "2", "--trace", &trace]);
    assert!(text.contains("roofline: ") && text.contains("conv2d"), "{text}");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("readable").file_name();
    let files: Vec<_> = std::fs::read_dir(folder.path("")).expect("a folder").map(name).collect();
    assert_eq!(files, ["trace.json"], "nothing is left beside it");
    let trace = std::fs::read_to_string(trace).expect("the trace was written");
    assert!(trace.starts_with('{') && trace.contains("\"traceEvents\""), "{trace}");
    let text = succeed("atrous", &["profile", "small_resnet", "--runs", "1", "--train"]);
    assert!(text.contains("conv2d_grad_weight") && text.contains("sgd"), "{text}");
}

#[test]
fn plans_of_training_steps_take_less_in_f16() {
    let plan = |more: &[&str]| {
        succeed("atrous", &[&["plan", "small_resnet", "--batch", "8", "--limits", "webgpu", "--train"], more].concat())
    };
    let (full, half) = (plan(&[]), plan(&["--f16"]));
    assert!(full.contains("gradient norm") && !full.contains("loss scale"), "{full}");
    for part in ["loss scale               32 B", "half_storage: "] {
        assert!(half.contains(part), "{part}: {half}");
    }
    let bytes = |text: &str, what: &str| -> u64 {
        let (_, rest) = text.rsplit_once(what).expect("the last line says it");
        rest.trim_start().split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
    };
    for what in ["parameters ", "gradients ", "optimizer state "] {
        assert_eq!(bytes(&full, what), bytes(&half, what), "{what}");
    }
    assert!(bytes(&half, "activations ") < bytes(&full, "activations "), "{half}");
}

#[test]
fn plans_in_f16_say_what_is_stored_so() {
    let text = succeed("atrous", &["plan", "small_unet", "--limits", "webgpu", "--f16"]);
    assert!(text.contains("half_storage: ") && text.contains("cast"), "{text}");
    assert!(!succeed("atrous", &["plan", "small_unet", "--limits", "webgpu"]).contains("half_storage"));
}

#[test]
fn plans_come_as_graphs_for_graphviz() {
    let text = succeed("atrous", &["plan", "resnet18", "--dot"]);
    assert!(text.starts_with("digraph {") && text.ends_with("}\n"), "{text}");
    assert!(text.contains("layer4.1.conv2") && text.contains(" -> "), "{text}");
}

#[test]
fn the_list_of_networks_names_what_can_be_built() {
    let text = succeed("atrous", &["models"]);
    let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    assert!(names.clone().count() > 30, "{text}");
    for name in names {
        succeed("atrous", &["summary", name]);
    }
}

#[test]
fn help_explains_every_command() {
    for program in ["atrous", "classify", "segment"] {
        assert!(succeed(program, &["--help"]).contains("Usage: "), "{program}");
    }
    for command in ["info", "models", "summary", "plan", "train"] {
        assert!(succeed("atrous", &[command, "--help"]).contains("Usage: "), "{command}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let program = super::support::program("atrous");
    let mut command = Command::new(program);
    command.args(["summary", "resnet152"]).current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("programs print UTF-8");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(stderr, "");
}
