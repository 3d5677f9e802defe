//! Compiled kernels on disk.

mod common;

use std::path::{Path, PathBuf};

use atrous_gpu::{DeviceOptions, PipelineCache};
use atrous_graph::Shape;
use common::{device_with, relu, session, values};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("atrous-{name}-{}", std::process::id())))
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a device with a cache in this folder and runs something on it. Returns whether the device can have one.
fn run(folder: &Path) -> bool {
    let pipeline_cache = PipelineCache::Folder(folder.to_owned());
    let device = device_with(DeviceOptions { pipeline_cache, ..DeviceOptions::default() });
    let shape = Shape::new(1, 5, 5, 3);
    let graph = relu(shape);
    let x = values(shape.len());
    let outputs = session(&device, &graph, graph.outputs()).run_blocking(&[("x", (&x).into())]).unwrap();
    assert_eq!(outputs.f32("y").unwrap(), x.iter().map(|v| v.max(0.0)).collect::<Vec<f32>>());
    device.info().features.iter().any(|feature| feature == "pipeline_cache")
}

#[test]
fn a_second_device_opens_with_the_cache_of_the_first() {
    let folder = Folder::new("second-device");
    let has = run(&folder.0);
    assert_eq!(folder.files().len(), usize::from(has), "{:?}", folder.files());
    run(&folder.0);
    assert_eq!(folder.files().len(), usize::from(has), "no temporary file is left");
}

#[test]
fn damaged_and_foreign_files_are_survived_and_replaced() {
    let folder = Folder::new("damaged");
    if !run(&folder.0) {
        return;
    }
    let file = folder.files().pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() / 2], &whole[..5], b"", b"something else altogether"] {
        std::fs::write(&file, damaged).unwrap();
        run(&folder.0);
        assert_eq!(std::fs::read(&file).unwrap().len(), whole.len(), "the file was replaced");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_no_error() {
    let folder = Folder::new("no-folder");
    std::fs::write(&folder.0, b"a file").unwrap();
    run(&folder.0.join("below"));
    std::fs::remove_file(&folder.0).unwrap();
}
