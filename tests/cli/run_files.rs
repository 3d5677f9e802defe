//! Files of a run folder: where they are written, and what is read from them.

use std::fs;
use std::path::Path;

use atrous::io::{NamedTensor, WeightFile, save_tensors};

use super::support::{Folder, refuse, run, succeed};
use super::train::tiny;

/// A run folder from elsewhere may come with links in place of its files.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_and_weights_of_nan_are_refused() {
    let folder = Folder::new("run-links");
    let (outside, folder_path) = (folder.file("outside", b"kept"), folder.path("run"));
    fs::create_dir(&folder_path).expect("a new folder");
    let in_run = |name: &str| Path::new(&folder_path).join(name);
    let names = ["config.toml", "curve.png", "labels.txt", "log.jsonl"];
    let link = |name: &str| std::os::unix::fs::symlink(&outside, in_run(name)).expect("a new link");
    names.iter().for_each(|name| link(name));
    let lock = in_run(".lock");
    link(".lock");
    let training = tiny(&["--run-folder", &folder_path]);
    refuse("atrous", &training, &["cannot use the run folder", ".lock: it is a symbolic link to", "outside"]);
    fs::remove_file(&lock).expect("it is there");
    link("best.safetensors");
    refuse("atrous", &training, &["holds a training"]);
    fs::remove_file(in_run("best.safetensors")).expect("it is there");
    succeed("atrous", &training);
    assert_eq!(fs::read(&outside).expect("it is there"), b"kept");
    for name in names {
        assert!(in_run(name).is_file() && !in_run(name).is_symlink(), "{name}");
    }
    weights_of_nan(&folder, &in_run("best.safetensors"));
}

fn weights_of_nan(folder: &Folder, good: &Path) {
    let file = WeightFile::open(good).expect("weights");
    let tensor = |name: &str| {
        let tensor = file.tensor(name).expect("a tensor");
        (name.to_owned(), tensor.shape.to_vec(), tensor.to_f32().expect("f32"))
    };
    let mut tensors: Vec<NamedTensor> = file.names().map(tensor).collect();
    let (name, _, values) = tensors.last_mut().expect("a tensor");
    values[0] = f32::NAN;
    let name = name.clone();
    let hostile = [tensors[0].clone(), ("x\n\u{1b}[31m".to_owned(), vec![1], vec![0.0])];
    let path = folder.path("hostile.safetensors");
    save_tensors(&path, &hostile).expect("writable");
    let ran = run("atrous", &tiny(&["--weights", &path, "--adapter", "Voodoo 2"]));
    assert!(ran.stderr.contains(r"not used: x\n\u{1b}[31m"), "{}", ran.stderr);
    let path = folder.path("nan.safetensors");
    save_tensors(&path, &tensors).expect("writable");
    let next = folder.path("next");
    let training = tiny(&["--weights", &path, "--run-folder", &next]);
    refuse(
        "atrous",
        &training,
        &["nan.safetensors", &name, "1 of", "not finite", "NaN at position 0", "--allow-non-finite"],
    );
    let ran = run("atrous", &[&training[..], &["--allow-non-finite"]].concat());
    assert!(!ran.success && ran.stderr.contains("step 1"), "it begins, and its loss is no number: {}", ran.stderr);
}

/// A pipe would be waited for, a device has no end.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = Folder::new("run-pipes");
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    for (path, text) in [(&*pipe, "it is a pipe (FIFO)"), ("/dev/zero", "it is a character device")] {
        refuse("atrous", &["train", path], &["cannot read", path, text]);
        refuse(
            "atrous",
            &tiny(&["--weights", path, "--run-folder", &folder.path("run")]),
            &["cannot read", path, text],
        );
    }
}
