//! Standard output and standard error that are closed or full: nobody need read what a program says.
#![cfg(unix)]

use std::process::{Command, Output};

use super::support::{Folder, ROOT, program, run, run_in};
use super::train::{tiny, tiny_of};

/// Runs a program by a shell, with what stands after it in the shell's language.
fn shell(program: &str, arguments: &[&str], rest: &str) -> Output {
    let line = format!("\"$0\" \"$@\" {rest}");
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", &line]).arg(self::program(program)).args(arguments).current_dir(ROOT);
    command.output().expect("bash runs")
}

fn status(program: &str, arguments: &[&str], rest: &str) -> Option<i32> {
    shell(program, arguments, rest).status.code()
}

#[test]
fn no_training_ends_because_nobody_reads() {
    let folder = Folder::new("streams-train");
    // A reader that leaves after the first line; a full disk and a closed stream.
    for (name, rest) in [("head", "2>&1 | head -1"), ("full", "2>/dev/full >&-")] {
        let run = folder.path(name);
        assert_eq!(status("atrous", &tiny_of("1", &["--run-folder", &run]), rest), Some(0), "{rest}");
        assert!(std::path::Path::new(&run).join("last.checkpoint").exists(), "{rest}");
    }
    // What was asked for and cannot be written is an error; the training is saved all the same.
    let run = folder.path("unwritten");
    let ran = shell("atrous", &tiny_of("1", &["--run-folder", &run]), ">/dev/full");
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(1) && stderr.contains("cannot write the result: No space left"), "{stderr}");
    assert!(std::path::Path::new(&run).join("last.checkpoint").exists());
}

#[test]
fn every_program_ends_as_if_somebody_read() {
    let commands: [(&str, &[&str]); 8] = [
        ("atrous", &["--help"]),
        ("atrous", &["--version"]),
        ("atrous", &["train", "--help"]),
        ("atrous", &["models"]),
        ("atrous", &["info"]),
        ("atrous", &["summary", "resnet152"]),
        ("classify", &["--help"]),
        ("segment", &["--help"]),
    ];
    for (program, arguments) in commands {
        for rest in ["| true", "2>&1 | true", "2>/dev/full", "2>&-"] {
            assert_eq!(status(program, arguments, rest), Some(0), "{program} {arguments:?} {rest}");
        }
    }
    // Wrong arguments stay wrong, and errors errors.
    for rest in ["2>/dev/full", "2>&-", "2>&1 | true"] {
        assert_eq!(status("atrous", &["no-such-command"], rest), Some(2), "{rest}");
        assert_eq!(status("atrous", &["summary", "resnet5O"], rest), Some(1), "{rest}");
        assert_eq!(status("atrous", &tiny(&["--lr", "-1"]), rest), Some(1), "{rest}");
    }
    for arguments in [&["models"][..], &["summary", "resnet152"]] {
        let ran = shell("atrous", arguments, ">/dev/full");
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(1) && stderr.contains("cannot write the result"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn arguments_are_repeated_as_plain_text() {
    let hostile = "--\u{1b}]0;title\u{7}\u{9b}2J\nerror: \u{202e}none";
    let shown = r"--\u{1b}]0;title\u{7}\u{9b}2J\nerror: \u{202e}none";
    for (program, arguments) in [
        ("atrous", &["train", hostile][..]),
        ("atrous", &["train", "--batch", hostile]),
        ("atrous", &["plan", "small_unet", "--limits", &hostile[2..]]),
        ("atrous", &[&hostile[2..]]),
        ("segment", &[hostile]),
        ("scribble", &["a.png", hostile]),
    ] {
        let ran = run(program, arguments);
        assert!(!ran.success && ran.stderr.contains(&shown[2..]), "{program} {arguments:?}: {}", ran.stderr);
        let plain = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(ran.stderr.chars().all(plain), "{program} {arguments:?}: {:?}", ran.stderr);
    }
    // So are the values of variables.
    for variable in ["ATROUS_LIMITS", "ATROUS_PRECISION", "ATROUS_ADAPTER"] {
        let ran = run_in(&[(variable, hostile)], "classify", &["examples/photos/china.png"]);
        assert!(!ran.success && ran.stderr.contains(shown), "{variable}: {}", ran.stderr);
    }
    // What is no text is refused, although it can be shown as text.
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"--model=\xff");
    let command = Command::new(program("atrous")).arg("train").arg::<&std::ffi::OsStr>(bytes).output().unwrap();
    assert_eq!(command.status.code(), Some(2));
}
