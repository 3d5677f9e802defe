//! The kernels of the adapter are right, and those that are wrong are not used.
#![cfg(feature = "check")]

use std::collections::BTreeMap;

use atrous::check::examine_blocking;
use atrous::gpu::PipelineCache;
use atrous::graph::op::Conv2d;
use atrous::graph::{DType, Graph, Layout, Op, Shape};
use atrous::kernels::plan::plan;
use atrous::prelude::*;

#[test]
fn every_kernel_of_this_adapter_is_right() {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    let found = examine_blocking(&device).unwrap();
    assert!(found.faults.is_empty() && found.replaceable().is_empty(), "{found}");
    assert!(found.runs > 200 && ["direct", "overlay"].iter().all(|name| found.variants.contains(name)), "{found}");
    assert!(found.to_string().contains("NaN: kept"), "{found}");
}

/// Variant and reasons of the plan of a convolution.
fn served(device: &Device) -> (&'static str, Vec<&'static str>) {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 8, 8, 16), DType::F32).unwrap();
    let w = graph.parameter("w", Shape::new(3, 3, 16, 32), Layout::Filter).unwrap();
    let y = graph.add("y", Op::Conv2d(Conv2d::default()), &[x, w]).unwrap();
    let plan = plan(&graph, &[y], &device.target()).unwrap();
    (plan.steps[0].variant, plan.steps[0].declined.iter().map(|declined| declined.reason).collect())
}

#[test]
fn variants_to_avoid_are_kept_for_the_adapter_and_plans_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let pipeline_cache = PipelineCache::Folder(folder.path().to_owned());
        let options = DeviceOptions { pipeline_cache, ..DeviceOptions::from_env().unwrap() };
        Device::open_blocking(&AdapterChoice::from_env(), options).unwrap()
    };
    let device = open();
    let (first, _) = served(&device);
    device.avoid(BTreeMap::from([(first, "3 of 12 values are off,\nworst at 0".to_owned())]));
    let (second, reasons) = served(&device);
    assert!(second != first && reasons.contains(&"its results were wrong on this adapter and driver"), "{reasons:?}");
    let again = open();
    assert_eq!(served(&again).0, second, "a later program knows");
    assert_eq!(again.target().avoided.unwrap()[first], "3 of 12 values are off, worst at 0");

    let file = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.to_string_lossy().contains("avoided-")).collect::<Vec<_>>();
    let [file] = &file[..] else { panic!("one file: {file:?}") };
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("3 of 12", "4 of 12")).unwrap();
    assert_eq!(served(&open()).0, first, "a damaged file is ignored");

    again.avoid(BTreeMap::new());
    assert_eq!((served(&again).0, served(&open()).0), (first, first));
}
