//! Tuning: what is found serves, also in the next program, and nothing else changes.

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atrous_gpu::{Device, DeviceOptions, GpuError, Parameters, PipelineCache, Session, Tuning};
use atrous_graph::op::{Conv2d, Padding};
use atrous_graph::{DType, Graph, Layout, Op, Shape};
use atrous_kernels::Plan;
use atrous_kernels::plan::plan;
use common::{device_with, values};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("atrous-tune-{name}-{}", std::process::id())))
    }

    fn device(&self, tuning: Tuning) -> Device {
        let pipeline_cache = PipelineCache::Folder(self.0.clone());
        device_with(DeviceOptions { pipeline_cache, tuning, ..DeviceOptions::default() })
    }

    /// The file of choices.
    fn file(&self) -> Option<PathBuf> {
        let paths = std::fs::read_dir(&self.0).into_iter().flatten().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<PathBuf> = paths.filter(|path| name(path).starts_with("choices-")).collect();
        assert!(files.len() < 2, "{files:?}");
        files.pop()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A text with the checksum that its file has in the last line, in place of one that it may have had.
fn sealed(text: &str) -> String {
    let text = text.split("checksum: ").next().unwrap();
    format!("{text}checksum: {}\n", atrous_files::Checksum::of(text.as_bytes()))
}

const LONG: Duration = Duration::from_secs(600);

/// Two convolutions, the first of most of the work.
fn graph() -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 12, 11, 16), DType::F32).unwrap();
    let w = graph.parameter("w", Shape::new(3, 3, 16, 20), Layout::Filter).unwrap();
    let v = graph.parameter("v", Shape::new(1, 1, 20, 4), Layout::Filter).unwrap();
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let y = graph.add("y", Op::Conv2d(conv), &[x, w]).unwrap();
    let z = graph.add("z", Op::Conv2d(Conv2d::default()), &[y, v]).unwrap();
    graph.set_outputs(vec![z]);
    graph
}

fn planned(device: &Device) -> Plan {
    let graph = graph();
    plan(&graph, graph.outputs(), &device.target()).unwrap()
}

fn variants(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.choice().to_string()).collect()
}

/// What a session computes, from numbers whose sums are exact.
fn result(device: &Device) -> Vec<f32> {
    let graph = graph();
    let exact = |n: usize| (0..n).map(|i| (i * 37 % 7) as f32 - 3.0).collect::<Vec<f32>>();
    let parameters = HashMap::from([("w".to_owned(), exact(3 * 3 * 16 * 20)), ("v".to_owned(), exact(80))]);
    let parameters = Arc::new(Parameters::upload(device, &graph, &parameters).unwrap());
    let mut session = Session::new(device, &graph, graph.outputs(), parameters).unwrap();
    let x = values(12 * 11 * 16);
    session.run_blocking(&[("x", (&x).into())]).unwrap().f32("z").unwrap().to_vec()
}

#[test]
fn what_was_found_serves_this_program_and_the_next() {
    let folder = Folder::new("serves");
    let device = folder.device(Tuning::On);
    let before = result(&device);
    let report = device.tune_blocking(&planned(&device), LONG).unwrap();
    assert!(!report.shapes.is_empty(), "{report}");
    let step = &planned(&device).steps[0];
    let shape = &report.shapes[0];
    assert_eq!((shape.operation.key(), shape.tried), (step.operation.key(), shape.candidates), "{report}");
    assert_eq!((shape.chosen, &shape.excluded), (step.choice(), &Vec::new()), "{report}");
    assert_eq!(result(&device), before);

    let text = std::fs::read_to_string(folder.file().unwrap()).unwrap();
    assert!(
        text.contains(&format!("{} = {}, best of {}\n", step.operation.key(), shape.chosen, shape.tried)),
        "{text}"
    );
    let next = folder.device(Tuning::On);
    assert_eq!(variants(&planned(&next)), variants(&planned(&device)));
    let again = next.tune_blocking(&planned(&next), LONG).unwrap();
    assert!(again.shapes.iter().all(|shape| shape.skipped == Some("known")), "{again}");
}

#[test]
fn off_means_the_default_whatever_was_found() {
    let folder = Folder::new("off");
    let default = variants(&planned(&folder.device(Tuning::Off)));
    let device = folder.device(Tuning::On);
    device.tune_blocking(&planned(&device), LONG).unwrap();
    let file = folder.file().unwrap();
    let step = &planned(&device).steps[0];
    // Whatever is the fastest here, the file says another.
    let text = std::fs::read_to_string(&file).unwrap();
    let other = if default[0] == "implicit_gemm_registers 4x8" { "4x4" } else { "4x8" };
    let line = |tile: &str| format!("{} = implicit_gemm_registers {tile}, best of 13", step.operation.key());
    let forced: Vec<String> =
        text.lines().map(|l| if l.starts_with(&step.operation.key()) { line(other) } else { l.to_owned() }).collect();
    // Without the right checksum it is not believed.
    std::fs::write(&file, forced.join("\n") + "\n").unwrap();
    assert_eq!(variants(&planned(&folder.device(Tuning::On))), default);
    std::fs::write(&file, sealed(&(forced.join("\n") + "\n"))).unwrap();

    let on = folder.device(Tuning::On);
    assert_eq!(variants(&planned(&on))[0], format!("implicit_gemm_registers {other}"));
    let off = folder.device(Tuning::Off);
    assert_eq!(variants(&planned(&off)), default);
    assert_eq!(result(&on), result(&off));
    let refused = off.tune_blocking(&planned(&off), LONG);
    assert!(matches!(refused, Err(GpuError::TuningOff)), "{refused:?}");
}

#[test]
fn files_that_are_damaged_or_choose_what_is_not_legal_do_no_harm() {
    let folder = Folder::new("damaged");
    let device = folder.device(Tuning::On);
    let default = variants(&planned(&device));
    device.tune_blocking(&planned(&device), LONG).unwrap();
    let file = folder.file().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let key = planned(&device).steps[0].operation.key();
    let header: String = text.lines().take(5).map(|line| format!("{line}\n")).collect();
    let illegal = sealed(&format!("{header}{key} = gemm_registers 8x8, best of 3\n"));
    let unknown = sealed(&format!("{header}{key} = gemm_of_the_future 8x8, best of 3\n"));
    for damaged in [&text[..text.len() - 7], "", "\u{0}\u{0}", &illegal, &unknown] {
        std::fs::write(&file, damaged).unwrap();
        let device = folder.device(Tuning::On);
        assert_eq!(variants(&planned(&device)), default, "{damaged}");
    }
    std::fs::write(&file, "something else").unwrap();
    let device = folder.device(Tuning::On);
    device.tune_blocking(&planned(&device), LONG).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("atrous choices 1\n"), "the file was replaced");
}

#[test]
fn programs_that_tune_side_by_side_keep_what_the_others_found() {
    let folder = Folder::new("side-by-side");
    let [first, second] = [0, 1].map(|_| folder.device(Tuning::On));
    let mut other = Graph::new();
    let x = other.input("x", Shape::new(1, 5, 5, 8), DType::F32).unwrap();
    let w = other.parameter("w", Shape::new(1, 1, 8, 8), Layout::Filter).unwrap();
    let y = other.add("y", Op::Conv2d(Conv2d::default()), &[x, w]).unwrap();
    let other = plan(&other, &[y], &second.target()).unwrap();
    first.tune_blocking(&planned(&first), LONG).unwrap();
    second.tune_blocking(&other, LONG).unwrap();
    let text = std::fs::read_to_string(folder.file().unwrap()).unwrap();
    for plan in [&planned(&first), &other] {
        assert!(text.contains(&plan.steps[0].operation.key()), "{text}");
    }
    assert_eq!(variants(&planned(&second)), variants(&planned(&first)));
}

#[test]
fn no_time_leaves_the_default() {
    let folder = Folder::new("no-time");
    let device = folder.device(Tuning::On);
    let default = variants(&planned(&device));
    let report = device.tune_blocking(&planned(&device), Duration::ZERO).unwrap();
    assert!(report.shapes.iter().all(|shape| shape.skipped == Some("the time was over")), "{report}");
    assert_eq!(report.shapes[0].chosen, report.shapes[0].default);
    assert_eq!((variants(&planned(&device)), folder.file()), (default, None));
}

#[test]
fn a_search_can_be_awaited_on_any_thread() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let folder = Folder::new("awaited");
    let device = folder.device(Tuning::On);
    let plan = planned(&device);
    let report = pollster::block_on(sent(device.tune(&plan, LONG))).unwrap();
    assert!(report.shapes[0].times.is_some(), "{report}");
    // A device without timestamps measured by the host's clock; this one has its own.
    let options = DeviceOptions { timestamps: true, pipeline_cache: PipelineCache::Off, ..DeviceOptions::default() };
    let device = device_with(options);
    let report = device.tune_blocking(&plan, LONG).unwrap();
    assert!(report.shapes[0].times.is_some(), "{report}");
}
