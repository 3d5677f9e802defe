//! Signals that end a training, and those that do not.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Folder, ROOT, program};
use crate::train::{tiny, tiny_of};

/// Starts a training through a shell that first runs `script`.
fn started_by(script: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{script}; exec \"$0\" \"$@\"")]).arg(program("atrous")).args(arguments);
    command.current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs").success());
}

fn wait_for(child: &mut Child, what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        assert!(child.try_wait().expect("it can be asked").is_none(), "it has ended");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_so() {
    let folder = Folder::new("signals-ignored");
    let run = folder.path("run");
    // As `nohup` does, and as shells do with Ctrl-C of their jobs in the background.
    let arguments = tiny_of("100000", &["--run-folder", &run, "--checkpoint-every", "1"]);
    let mut child = started_by("trap '' HUP INT", &arguments);
    let log = |name: &str| std::fs::read(Path::new(&run).join(name)).map_or(0, |log| log.len());
    wait_for(&mut child, "it logs nothing", || log("log.jsonl") > 0);
    for name in ["-HUP", "-INT"] {
        signal(&child, name);
        let before = log("log.jsonl");
        wait_for(&mut child, "it goes on", || log("log.jsonl") > 2 * before);
    }
    signal(&child, "-TERM");
    let ended = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{text}");
    assert!(text.contains("Interrupted in epoch ") && text.contains("To go on: "), "{text}");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error() {
    let folder = Folder::new("signals-size");
    let run = folder.path("run");
    // 4 KiB: less than a checkpoint takes.
    let child = started_by("ulimit -f 4", &tiny(&["--run-folder", &run]));
    let ended = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{text}");
    assert!(text.contains("error: ") && text.contains("File too large"), "{text}");
}
