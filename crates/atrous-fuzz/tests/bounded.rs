//! A bounded number of cases of every target, and what the program does with a fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Changed inputs of each target.
const CASES: &str = "200";

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_atrous-fuzz"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn work(target: &str, seed: &str, cases: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let [faults, own] = ["faults", "own"].map(|name| folder.path().join(name));
    let mut command = program();
    command.args(["work", target, "--cases", cases, "--seed", seed, "--faults"]).arg(faults).arg("--folder").arg(own);
    (command.output().expect("it starts"), folder)
}

/// Runs cases of a target: there must be no fault, and nothing printed but the report.
fn bounded(target: &str) {
    let (output, _folder) = work(target, "1", CASES);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && stderr.is_empty(), "{target}: {}\n{stdout}\n{stderr}", output.status);
    let count = |name: &str| stdout.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u32>().ok());
    let (accepted, refused) = (count("accepted"), count("refused"));
    assert_eq!(accepted.zip(refused).map(|(a, b)| a + b), CASES.parse().ok(), "{stdout}");
    // What is never read teaches nothing, nor what is never damaged.
    assert!(accepted > Some(0) && (refused > Some(0) || target == "surveys"), "{target}: {stdout}");
    let known = |line: &str| ["accepted\t", "refused\t", "message\t"].iter().any(|start| line.starts_with(start));
    assert!(stdout.lines().all(known), "{stdout}");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { bounded(stringify!($name)); })*
        const TARGETS: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    weights own_weights checkpoints old_checkpoints run_folders jpeg png webp masks labels image_folders mask_folders voc mnist cifar
    surveys configurations arguments logs choices avoided kernels
}

#[test]
fn every_target_has_a_test() {
    let output = program().arg("list").output().expect("it starts");
    let listed = text(&output.stdout);
    assert_eq!(listed.lines().filter_map(|line| line.split_whitespace().next()).collect::<Vec<_>>(), TARGETS);
}

/// The reader of each of these targets is at fault on purpose, each in its own way.
#[test]
fn every_kind_of_fault_is_found_kept_and_found_again() {
    for (target, what) in [
        ("faulty_panic", "panics: "),
        ("faulty_overflow", "attempt to add with overflow"),
        ("faulty_memory", "MiB of memory, the limit is 256"),
        ("faulty_message", "a message that does not name the file"),
        ("faulty_damage", "accepts a damaged file with a checksum"),
    ] {
        let (output, folder) = work(target, "3", "300");
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{target}: {stdout}");
        let fault = stdout.lines().find_map(|line| line.strip_prefix("fault\t")?.split_once('\t'));
        let (input, message) = fault.unwrap_or_else(|| panic!("{target} has no fault: {stdout}"));
        assert!(message.contains(what), "{target}: {message}");
        assert!(Path::new(input).starts_with(folder.path()) && fs::metadata(input).is_ok(), "{input}");
        let again = program().args(["replay", target, input]).output().expect("it starts");
        let stdout = text(&again.stdout);
        assert!(again.status.code() == Some(1) && stdout.contains("FAULT: ") && stdout.contains(what), "{stdout}");
    }
}

/// Pictures that a decoder takes hundreds of megabytes for are refused before.
#[test]
fn what_went_wrong_once_is_refused() {
    let picture = |name: &str| {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../atrous-vision/tests/data").join(name))
            .expect("a picture")
    };
    let changed = |name: &str, tag: &[u8], at: usize, bytes: &[u8]| {
        let mut picture = picture(name);
        let start = picture.windows(tag.len()).position(|window| window == tag).expect("a chunk") + at;
        picture[start..start + bytes.len()].copy_from_slice(bytes);
        picture
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (target, input, message) in [
        ("webp", changed("decode_lossy.webp", b"EXIF", 4, &[0xFF, 0xFF, 0xFF, 0x7F]), "truncated WebP picture"),
        ("webp", changed("decode_lossy.webp", b"VP8 ", 14, &[0xFF, 0x3F, 0xFF, 0x3F]), "a frame of it is 16383×16383"),
    ] {
        let path = folder.path().join("input");
        fs::write(&path, input).expect("a file can be written");
        let output = program().args(["replay", target]).arg(&path).output().expect("it starts");
        let stdout = text(&output.stdout);
        assert!(stdout.starts_with("refused: ") && stdout.contains(message), "{target}: {stdout}");
    }
}

/// A process that ends, or prints, or does not accept its own seeds, is seen by the one that started it.
#[test]
fn what_ends_or_prints_is_seen_from_outside() {
    for (target, what) in
        [("faulty_abort", "ends the process"), ("faulty_stack", "ends the process"), ("faulty_print", "prints \"hello")]
    {
        let faults = tempfile::tempdir().expect("a folder can be made");
        let mut command = program();
        command.args(["run", "--minutes", "0.01", "--target", target, "--faults"]).arg(faults.path());
        let output = command.output().expect("it starts");
        let stderr = text(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains(what), "{target}: {stderr}");
        let kept: Vec<PathBuf> =
            fs::read_dir(faults.path()).expect("a folder").map(|e| e.expect("an entry").path()).collect();
        assert!(!kept.is_empty(), "the input of {target} is not kept");
    }
}
