//! Run folders of several trainings at once: each has one owner, and nobody removes what another created.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::{Folder, ROOT, program};
use super::train::{one_line, tiny, tiny_of};

fn start(arguments: &[&str], folder: &str) -> Child {
    let mut command = Command::new(program("atrous"));
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// All files of a folder with their bytes, but the log.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut files: Vec<_> = entries.map(|path| (name(&path), fs::read(&path).expect("readable"))).collect();
    files.retain(|(name, _)| name != "log.jsonl");
    files.sort();
    files
}

#[test]
fn a_training_that_lives_keeps_its_folder() {
    let folder = Folder::new("folders-alive");
    let run = folder.path("run");
    let mut living = start(&tiny_of("100000", &["--run-folder", &run, "--checkpoint-every", "1"]), ROOT);
    let begun = Instant::now();
    while !Path::new(&run).join("best.checkpoint").exists() || !Path::new(&run).join("labels.txt").exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no epoch ends");
        assert!(living.try_wait().expect("it can be asked").is_none(), "it has ended");
        sleep(Duration::from_millis(5));
    }
    // Stopped, so that nothing changes but by the others.
    let signal = |name: &str| {
        let id = living.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
    };
    signal("-STOP");
    let before = files(Path::new(&run));
    let busy = format!("the run folder {run} is in use: another training (process {}) is writing into it", living.id());
    for other in [&tiny(&["--run-folder", &run])[..], &["train", "--resume", &run, "--lr", "0.5"]] {
        one_line(other, &[&busy]);
    }
    assert!(files(Path::new(&run)) == before, "a file has changed");
    signal("-CONT");
    signal("-INT");
    let ended = living.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn of_trainings_that_begin_at_once_in_one_folder_one_goes_on() {
    let folder = Folder::new("folders-race");
    let run = folder.path("run");
    let children: Vec<Child> = (0..3).map(|_| start(&tiny_of("1", &["--run-folder", &run]), ROOT)).collect();
    let ended: Vec<_> = children.into_iter().map(|child| child.wait_with_output().expect("it ends")).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (won, lost): (Vec<_>, Vec<_>) = ended.iter().partition(|output| output.status.success());
    assert_eq!((won.len(), lost.len()), (1, 2), "{:?}", ended.iter().map(|e| text(&e.stderr)).collect::<Vec<_>>());
    for output in lost {
        let error = text(&output.stderr);
        assert!(error.contains("is in use: another training") || error.contains("holds a training"), "{error}");
    }
    for name in ["last.checkpoint", "best.safetensors", "config.toml", "labels.txt", "log.jsonl"] {
        assert!(Path::new(&run).join(name).exists(), "{name}");
    }
}

#[test]
fn trainings_of_one_second_have_folders_of_their_own() {
    let folder = Folder::new("folders-names");
    let here = folder.path(".");
    let children: Vec<Child> = (0..2).map(|_| start(&tiny_of("1", &[]), &here)).collect();
    for child in children {
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let runs: Vec<_> =
        fs::read_dir(folder.path("runs")).expect("runs").map(|run| run.expect("a folder").path()).collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().all(|run| run.join("last.checkpoint").exists()), "{runs:?}");
    // A training that cannot begin leaves no folder.
    let failed = start(&tiny(&["--memory-budget", "8MiB"]), &here).wait_with_output().expect("it ends");
    assert!(!failed.status.success() && fs::read_dir(folder.path("runs")).expect("runs").count() == 2);
}
