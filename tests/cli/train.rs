//! `atrous train`: what it writes, that it can be resumed, and how it refuses bad input.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::png::grey;
use super::support::{Folder, ROOT, Ran, photo, program, run, succeed};

/// A training of seconds: 16 pictures of 32×32, 4 of which are held out; 6 steps.
const TINY: [&str; 15] = [
    "train",
    "--model",
    "small_unet",
    "--data",
    "shapes",
    "--samples",
    "16",
    "--split",
    "0.25",
    "--size",
    "32",
    "--batch",
    "4",
    "--epochs",
    "2",
];

pub(crate) fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    TINY.iter().chain(more).copied().collect()
}

/// The same of so many epochs.
pub(crate) fn tiny_of<'a>(epochs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let but_epochs = &TINY[..TINY.len() - 1];
    but_epochs.iter().chain(&[epochs]).chain(more).copied().collect()
}

fn bytes(folder: &str, name: &str) -> Vec<u8> {
    fs::read(Path::new(folder).join(name)).unwrap_or_else(|e| panic!("{folder}/{name}: {e}"))
}

/// The losses of all steps.
fn losses(folder: &str) -> Vec<String> {
    let log = String::from_utf8(bytes(folder, "log.jsonl")).expect("a log is text");
    let loss = |line: &str| line.split("\"loss\":").nth(1)?.split(',').next().map(str::to_owned);
    log.lines().filter(|line| line.contains("\"kind\":\"step\"")).filter_map(loss).collect()
}

#[test]
fn a_training_fills_its_run_folder_and_its_weights_load_elsewhere() {
    let folder = Folder::new("train-whole");
    let run = folder.path("run");
    let text = succeed("atrous", &tiny(&["--run-folder", &run, "--watch", "mean-iou", "--lr", "0.01"]));
    for part in ["Finished after epoch 2, step 6", "Best validation mean IoU", "accuracy", "best.safetensors"] {
        assert!(text.contains(part), "{text}");
    }
    for file in ["best.checkpoint", "last.checkpoint", "config.toml", "labels.txt"] {
        assert!(!bytes(&run, file).is_empty() && text.contains(file), "{file}: {text}");
    }
    assert_eq!(bytes(&run, "curve.png")[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(losses(&run).len(), 6);
    let weights = format!("{run}/best.safetensors");
    let classes = String::from_utf8(bytes(&run, "labels.txt")).expect("text").lines().count().to_string();
    let (photo, mask) = ("examples/photos/china.png", folder.path("mask.png"));
    let network = ["--model", "small_unet", "--classes", &classes, "--size", "32", "--weights", &weights];
    succeed("segment", &[&[photo, "-o", &mask][..], &network].concat());

    // Fine-tuning: another number of classes, everything before the head frozen.
    let tuned = folder.path("tuned");
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    halves(&images, &masks, 4);
    let data = ["--data", "mask-folder", "--path", &images, "--masks", &masks, "--classes", "left,right"];
    let tuning = ["--weights", &weights, "--freeze", "enc1", "--run-folder", &tuned];
    let rest = ["--size", "32", "--batch", "2", "--epochs", "1", "--split", "0.25"];
    let ran = self::run("atrous", &[&["train", "--model", "small_unet"][..], &data, &tuning, &rest].concat());
    assert!(ran.success, "{}", ran.stderr);
    for part in ["tensors are loaded", "drawn anew: ", "of them frozen", "2 classes", "Compiling ", " kernels"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn an_interrupted_training_is_resumed_to_the_same_bits() {
    let folder = Folder::new("train-resume");
    let (whole, parts) = (folder.path("whole"), folder.path("parts"));
    let options = |run| tiny(&["--checkpoint-every", "1", "--horizontal-flip", "0.5", "--run-folder", run]);
    succeed("atrous", &options(&whole));

    let mut child = Command::new(program("atrous"));
    let child = child.args(options(&parts)).current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().expect("it starts");
    let begun = Instant::now();
    while fs::read(Path::new(&parts).join("log.jsonl")).map_or(0, |log| log.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(120), "it logs nothing");
        assert!(child.try_wait().expect("it can be asked").is_none(), "it has ended");
        sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let ended = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(ended.stdout).expect("text");
    assert_eq!(ended.status.code(), Some(130), "{text}");
    assert!(text.contains("Interrupted") && text.contains(&format!("--resume {parts}")), "{text}");
    assert!(losses(&parts).len() < 6, "it was not interrupted");

    // What a process leaves that is killed while it writes.
    let half = Path::new(&parts).join(".config.toml.0123456789abcdef.tmp");
    fs::write(&half, "mod").expect("writable");
    let text = succeed("atrous", &["train", "--resume", &parts]);
    assert!(text.contains("Finished after epoch 2, step 6") && !half.exists(), "{text}");
    for file in ["best.safetensors", "best.checkpoint", "last.checkpoint"] {
        assert!(bytes(&whole, file) == bytes(&parts, file), "{file} differs");
    }
    assert_eq!(losses(&whole), losses(&parts));

    // Longer than planned.
    let text = succeed("atrous", &["train", "--resume", &parts, "--epochs", "3"]);
    assert!(text.contains("Finished after epoch 3, step 9"), "{text}");

    // A folder in use is neither begun anew nor gone on with as another network.
    one_line(&tiny(&["--run-folder", &parts]), &["holds a training: resume it"]);
    let before = bytes(&parts, "last.checkpoint");
    let other = ["train", "--resume", &parts, "--model", "small_deeplabv3plus", "--epochs", "4"];
    let refused = |arguments: &[&str], texts: &[&str]| {
        let ran = refused_whole(arguments, texts);
        assert!(!ran.stderr.contains("Compiling"), "refused after kernels were compiled: {}", ran.stderr);
        assert!(ran.stderr.contains("parts/best.safetensors instead of --resume begins another"), "{}", ran.stderr);
    };
    // A message of many lines is printed whole.
    refused(
        &other,
        &["checkpoint", "do not fit small_deeplabv3plus", "it is one of small_unet", "missing: ", "more\n--weights "],
    );
    refused(&["train", "--resume", &parts, "--lr", "0.5"], &["its learning rate is 0.001, here it is 0.5"]);
    refused(
        &["train", "--resume", &parts, "--maximize"],
        &["is one without `maximize`, here it is one with `maximize`"],
    );
    refused(&["train", "--resume", &parts, "--watch", "accuracy"], &["watched quantity is Loss, here it is Accuracy"]);
    one_line(
        &["train", "--resume", &parts, "--epochs", "1"],
        &["3 epochs are begun already, but the training is to have 1"],
    );
    one_line(
        &["train", "--resume", &parts, "--samples", "20"],
        &["the training data have changed since the checkpoint: 12 pictures then, 16 now; ", "--accept-changed-data"],
    );
    refused(
        &["train", "--resume", &parts, "--optimizer", "sgd"],
        &["one with `optimizer Adam {", "here it is one with `optimizer Sgd"],
    );
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    halves(&images, &masks, 8);
    let data = ["--data", "mask-folder", "--path", &images, "--masks", &masks, "--classes", "left,right"];
    let classes = r#"its list of classes is "background", "disc", "square", "triangle", here it is "left", "right""#;
    refused(&[&["train", "--resume", &parts][..], &data].concat(), &[classes]);

    assert!(before == bytes(&parts, "last.checkpoint"));

    // What is finished stays as it is.
    let text = succeed("atrous", &["train", "--resume", &parts, "--epochs", "3"]);
    assert!(text.contains("Finished after epoch 3, step 9") && before == bytes(&parts, "last.checkpoint"), "{text}");
    // Without the last checkpoint the best is gone on from; without both, the weights are not written over.
    let remove = |name: &str| drop(fs::remove_file(Path::new(&parts).join(name)));
    remove("last.checkpoint");
    let ran = run("atrous", &["train", "--resume", &parts, "--epochs", "3"]);
    assert!(
        ran.success && ran.stderr.contains("has no last.checkpoint: it goes on from best.checkpoint"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("Finished after epoch 3, step 9"), "{}", ran.stdout);
    remove("last.checkpoint");
    remove("best.checkpoint");
    one_line(&["train", "--resume", &parts], &["holds the weights of a training, but no checkpoint"]);
    remove("best.safetensors");
    let ran = run("atrous", &["train", "--resume", &parts, "--epochs", "1"]);
    assert!(ran.success && ran.stderr.contains("has no checkpoint: the training begins anew"), "{}", ran.stderr);
}

#[test]
fn a_training_in_f16_logs_its_scale_and_stays_in_f16() {
    let folder = Folder::new("train-f16");
    let run = folder.path("run");
    let ran = self::run("atrous", &tiny(&["--precision", "f16", "--run-folder", &run]));
    if ran.stderr.contains("SHADER_F16") {
        return;
    }
    assert!(ran.success && ran.stderr.contains("device memory, activations in f16"), "{}", ran.stderr);
    assert!(ran.stdout.contains("Steps skipped, their gradients being too large for f16: 0"), "{}", ran.stdout);
    let log = String::from_utf8(bytes(&run, "log.jsonl")).expect("text");
    assert_eq!(log.matches("\"loss_scale\":65536.0").count(), 6, "{log}");
    assert!(String::from_utf8(bytes(&run, "config.toml")).expect("text").contains("precision = \"f16\""));
    one_line(&["train", "--resume", &run, "--precision", "f32"], &["its precision is f16, here it is f32"]);
    succeed("atrous", &["train", "--resume", &run, "--epochs", "3"]);
    assert_eq!(losses(&run).len(), 9);
}

#[test]
fn a_file_and_flags_say_the_same() {
    let folder = Folder::new("train-toml");
    let file = r#"
model = "small_unet"
epochs = 1
batch = 4
size = [32, 32]
seed = 3
run_folder = "by-file"
maximize = true
clip_norm = 1.0

[data]
kind = "shapes"
samples = 8
split = 0.25

[loss]
type = "sum"
parts = [{ weight = 1.0, loss = { type = "cross-entropy" } }, { weight = 0.5, loss = { type = "dice" } }]

[optimizer]
type = "sgd"
lr = 0.1
momentum = 0.9
nesterov = true
weight_decay = 0.0001

[schedule]
type = "warmup"
steps = 1
then = { type = "poly" }

[augment]
horizontal_flip = 0.5
scale = [0.5, 2.0]
crop = "random"

[early_stopping]
patience = 3
"#;
    let file = folder.file("shapes.toml", file.as_bytes());
    let by_flags = folder.path("by-flags");
    succeed("atrous", &["train", &file]);
    let flags = "train --model small_unet --epochs 1 --batch 4 --size 32x32 --seed 3 --clip-norm 1 --data shapes --samples 8 \
                 --split 0.25 --loss cross-entropy+0.5*dice --optimizer sgd --lr 0.1 --momentum 0.9 --nesterov --maximize \
                 --weight-decay 1e-4 --schedule poly --warmup 1 --horizontal-flip 0.5 --scale 0.5,2 --crop random \
                 --patience 3 --run-folder";
    let flags: Vec<&str> = flags.split_whitespace().chain([by_flags.as_str()]).collect();
    succeed("atrous", &flags);
    // Relative paths of a file count from its folder.
    let by_file = folder.path("by-file");
    for name in ["config.toml", "best.safetensors", "last.checkpoint"] {
        assert!(bytes(&by_file, name) == bytes(&by_flags, name), "{name} differs");
    }
    assert_eq!(losses(&by_file), losses(&by_flags));
}

#[test]
fn the_file_in_the_documentation_trains() {
    let folder = Folder::new("train-docs");
    let docs = fs::read_to_string(format!("{ROOT}/docs/training.md")).expect("the file is there");
    let (_, file) = docs.split_once("```toml\n").expect("a block of TOML");
    let file = folder.file("cells.toml", file.split("```").next().unwrap_or_default().as_bytes());
    halves(&folder.path("cells/pictures"), &folder.path("cells/masks"), 5);
    let text = succeed("atrous", &["train", &file, "--size", "32", "--batch", "2", "--epochs", "1"]);
    assert!(text.contains("Finished after epoch 1, step 1") && text.contains("runs/cells"), "{text}");
}

#[test]
fn data_that_cannot_be_used_are_refused_by_name() {
    let folder = Folder::new("train-data");
    let make = |name: &str| fs::create_dir_all(folder.path(name)).expect("a new folder");
    let pictures = |root: &str, texts: &[&str]| {
        one_line(&["train", "--model", "small_resnet", "--data", "image-folder", "--path", &folder.path(root)], texts);
    };
    pictures("nowhere", &["nowhere: no such folder"]);
    make("empty");
    pictures("empty", &["empty: no samples"]);
    make("one/cat");
    fs::write(folder.path("one/cat/1.png"), photo()).expect("writable");
    pictures("one", &["only one class, \"cat\"", "at least two"]);
    make("one/dog");
    pictures("one", &["the folder of class \"dog\" holds no pictures"]);

    make("images");
    make("masks");
    for i in 0..2 {
        fs::write(folder.path(&format!("images/{i}.png")), grey(32, 32, |_| 9)).expect("writable");
        fs::write(folder.path(&format!("masks/{i}.png")), grey(32, 32, |at| (at % 2) as u8)).expect("writable");
    }
    let (images, masks, run) = (folder.path("images"), folder.path("masks"), folder.path("run"));
    let flags = "train --model small_unet --data mask-folder --classes a,b --split 0 --size 32 --batch 2 --epochs 1";
    let paths = ["--path", &images, "--masks", &masks, "--run-folder", &run];
    let masked = |more: &[&str], texts: &[&str]| {
        let arguments: Vec<&str> = flags.split(' ').chain(paths).chain(more.iter().copied()).collect();
        one_line(&arguments, texts);
    };
    fs::write(folder.path("masks/1.png"), grey(32, 32, |_| 7)).expect("writable");
    masked(&[], &["masks/1.png: label 7 is none of the 2 classes"]);
    fs::write(folder.path("masks/1.png"), grey(16, 32, |_| 1)).expect("writable");
    masked(&[], &["masks/1.png: the mask is 16×32, but its picture is 32×32"]);
    fs::write(folder.path("masks/1.png"), "no picture").expect("writable");
    masked(&[], &["masks/1.png: not a readable PNG mask"]);
    let skipping: Vec<&str> = flags.split(' ').chain(paths).chain(["--on-broken", "skip"]).collect();
    let ran = self::run("atrous", &skipping);
    assert!(ran.success && ran.stderr.contains("Skipped: ") && ran.stderr.contains("masks/1.png"), "{}", ran.stderr);
    fs::remove_file(folder.path("masks/1.png")).expect("it is there");
    masked(&[], &["images/1.png: no mask named \"1\""]);
    masked(&["--weights", &folder.path("none.safetensors")], &["no mask named"]);
}

#[test]
fn a_training_that_fails_says_where_and_keeps_what_was_good() {
    let folder = Folder::new("train-fails");
    let run = folder.path("nan");
    let nan = ["--lr", "1e30", "--optimizer", "sgd", "--checkpoint-every", "1", "--run-folder", &run];
    let ran =
        one_line(&tiny(&nan), &["step ", "not finite are those of \"", "the last good checkpoint is", "nan/last"]);
    assert!(ran.stdout.is_empty() && Path::new(&run).join("last.checkpoint").exists());

    let budget = folder.path("budget");
    let small = |size| tiny(&["--memory-budget", size, "--run-folder", &budget]);
    one_line(&small("8MiB"), &["the budget is 8388608", "not even one sample"]);
    one_line(&small("33MiB"), &["the budget is 34603008", "would fit", "batch"]);
    assert!(!Path::new(&budget).exists(), "a folder of a training that never began");

    let weights = folder.path("none.safetensors");
    one_line(&tiny(&["--weights", &weights]), &["cannot read", "none.safetensors"]);
    one_line(&tiny(&["--run-folder", "/dev/full"]), &["cannot use the run folder /dev/full: it is no folder"]);
    one_line(&tiny(&["--adapter", "Voodoo 2"]), &["no adapter is named \"Voodoo 2\""]);
}

/// A limit on the size of files does what a full disk does: it breaks a write in the middle.
#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_harms_nothing() {
    let folder = Folder::new("train-full");
    let run = folder.path("run");
    let line = tiny(&["--run-folder", &run]).join(" ");
    let script = format!("trap '' XFSZ; ulimit -f 64; exec {} {line}", program("atrous").display());
    let output = Command::new("sh").args(["-c", &script]).current_dir(ROOT).output().expect("sh runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write the checkpoint") && stderr.contains("File too large"), "{stderr}");
    let left = fs::read_dir(&run).expect("the folder is there").map(|e| e.expect("readable").file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("checkpoint")), "a part of a checkpoint");

    // So little that the log fills it: no part of a line is left, and both errors are told.
    let run = folder.path("log");
    let line = tiny(&["--run-folder", &run]).join(" ").replace("--samples 16", "--samples 64");
    let script = format!("trap '' XFSZ; ulimit -f 2; exec {} {line}", program("atrous").display());
    let output = Command::new("sh").args(["-c", &script]).current_dir(ROOT).output().expect("sh runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(
        output.status.code() == Some(1) && stderr.contains("cannot write") && stderr.contains("log.jsonl"),
        "{stderr}"
    );
    assert!(
        stderr.contains("; and the state after step ") && stderr.contains("cannot be saved: cannot write"),
        "{stderr}"
    );
    let log = String::from_utf8(bytes(&run, "log.jsonl")).expect("text");
    assert!(log.ends_with("}\n") && log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

/// Pictures and masks of two classes, left and right.
pub(crate) fn halves(images: &str, masks: &str, count: usize) {
    for folder in [images, masks] {
        fs::create_dir_all(folder).expect("a new folder");
    }
    for i in 0..count {
        fs::write(format!("{images}/{i}.png"), grey(32, 32, |at| (at * 7 % 251) as u8)).expect("writable");
        fs::write(format!("{masks}/{i}.png"), grey(32, 32, |at| u8::from(at % 32 < 16))).expect("writable");
    }
}

/// Refused with status 1 and a single line after "error: ", which has all of `texts`.
pub(crate) fn one_line(arguments: &[&str], texts: &[&str]) -> Ran {
    let ran = refused_whole(arguments, texts);
    let lines = ran.stderr.lines().skip_while(|line| !line.starts_with("error: ")).count();
    assert_eq!(lines, 1, "{arguments:?}: {}", ran.stderr);
    ran
}

/// Refused with status 1 and a message after "error: ", which has all of `texts`.
pub(crate) fn refused_whole(arguments: &[&str], texts: &[&str]) -> Ran {
    let ran = run("atrous", arguments);
    assert!(!ran.success && ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
    let (_, message) = ran.stderr.split_once("error: ").unwrap_or_else(|| panic!("{arguments:?}: {}", ran.stderr));
    for text in texts {
        assert!(message.contains(text), "{arguments:?} does not say {text:?}: {message}");
    }
    ran
}
