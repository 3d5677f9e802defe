//! How files are read: never from what is none, and without more memory than they take.

use std::fs::{self, File, OpenOptions};
use std::process::Command;

use atrous_io::{FormatError, WeightFile, WeightsError};

use crate::support::{counting, file, model, on_disk, raw};

/// A file that becomes shorter while it is mapped would end the process.
#[test]
fn a_file_that_shrinks_after_it_was_opened_does_no_harm() {
    let (_folder, path) = on_disk(&file(&[counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])]));
    let weights = WeightFile::open(&path).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert!(weights.bind(&model()).is_ok());
    assert_eq!(weights.tensor("conv.bias").unwrap().to_f32().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0]);
}

/// A file of 4 TiB, none of which is on disk.
#[test]
fn a_header_that_lies_is_refused_before_memory_is_taken() {
    let (_folder, path) = on_disk(&raw(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &[0; 4]));
    let len = fs::metadata(&path).unwrap().len();
    if OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 42).is_err() {
        return; // The file system has no files of this length.
    }
    let WeightsError::Format { problem, .. } = WeightFile::open(&path).unwrap_err() else { panic!("a format error") };
    let end = (1 << 42) - (len - 4);
    assert_eq!(problem, FormatError::Hole { begin: 4, end });
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.safetensors");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, text) in [(pipe.to_str().unwrap(), "it is a pipe (FIFO)"), ("/dev/zero", "it is a character device")] {
        let error = WeightFile::open(path).unwrap_err();
        assert!(matches!(error, WeightsError::Io { .. }) && error.to_string().contains(text), "{error}");
    }
}

/// A file for a child process that has little memory.
const CHILD: &str = "ATROUS_TEST_WEIGHTS_CHILD";

/// Not a test of its own: what the child process of the next test runs.
#[test]
fn child_opens_a_file() {
    if let Some(path) = std::env::var_os(CHILD) {
        println!("ERROR {}", WeightFile::open(path).expect_err("no memory"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_larger_than_memory_is_an_error() {
    let (bytes, folder) = (1u64 << 32, tempfile::tempdir().unwrap());
    let path = folder.path().join("large.safetensors");
    let header = format!(r#"{{"a":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[0,{bytes}]}}}}"#);
    fs::write(&path, raw(&header, &[])).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(bytes + 8 + header.len() as u64).unwrap();
    let program = std::env::current_exe().unwrap();
    let test = ["--exact", "reading::child_opens_a_file", "--nocapture", "--test-threads=1"];
    let limited = ["-c", "ulimit -v 2000000; exec \"$0\" \"$@\"", program.to_str().unwrap()];
    let output = Command::new("bash").args(limited).args(test).env(CHILD, &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("large.safetensors: there is no memory for its 42949"), "{text}");
}
