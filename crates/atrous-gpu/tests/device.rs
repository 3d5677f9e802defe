//! Devices: which adapter, how much memory, and what happens when it is gone.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError, Parameters, Session, adapters_blocking};
use atrous_graph::Shape;
use common::{device, device_with, relu, scale_shift, session, values};

#[test]
fn adapters_are_listed_and_the_device_reports_its_own() {
    let adapters = adapters_blocking();
    let device = device();
    let info = device.info();
    assert_eq!(adapters[info.index.unwrap()].name, info.name);
    assert!(info.to_string().contains(&info.name) && info.to_string().contains(&info.backend));
    assert!(info.limits.max_binding >= 128 << 20 && info.limits.storage_bindings >= 8);
    assert_eq!(device.target().software, info.software());
}

#[test]
fn an_adapter_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let open = |choice| Device::open_blocking(&choice, DeviceOptions::default()).unwrap_err();
    let name = &adapters_blocking()[0].name;
    for choice in [AdapterChoice::Name("Voodoo 2".to_owned()), AdapterChoice::Index(99)] {
        let error = open(choice);
        assert!(matches!(error, GpuError::NoMatch { .. }));
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = GpuError::NoAdapter { looked_for: "any adapter through VULKAN".to_owned() };
    assert!(error.to_string().contains("mesa-vulkan-drivers") && error.to_string().contains("libvulkan1"));
}

#[test]
fn adapters_are_found_by_part_of_the_name_and_by_index() {
    let wanted = adapters_blocking().remove(0);
    let part = wanted.name.to_uppercase().chars().take(4).collect();
    for choice in [AdapterChoice::Name(part), AdapterChoice::Index(wanted.index.unwrap())] {
        let device = Device::open_blocking(&choice, DeviceOptions::default()).unwrap();
        assert_eq!(device.info().name, wanted.name);
    }
}

#[test]
fn the_budget_is_checked_with_the_predicted_numbers_before_anything_is_allocated() {
    let shape = Shape::new(1, 64, 64, 4);
    let graph = relu(shape);
    let budget = 100_000;
    let device = device_with(DeviceOptions { memory_budget: Some(budget), ..DeviceOptions::default() });
    let parameters = Arc::new(Parameters::upload(&device, &graph, &common::no_parameters()).unwrap());
    let error = Session::new(&device, &graph, graph.outputs(), parameters).unwrap_err();
    // The input, the activation and its readback: 64·64·4 values of 4 bytes each.
    let GpuError::MemoryBudget { needs, activations, parameters, transfer, budget: told, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((needs, activations, parameters, transfer, told), (3 * 65_536, 65_536, 0, 2 * 65_536, budget));
    assert!(error.to_string().contains("196608") && error.to_string().contains("100000"));

    let device = device_with(DeviceOptions { memory_budget: Some(8), ..DeviceOptions::default() });
    let error = Parameters::upload(&device, &scale_shift(shape).unwrap(), &common::no_parameters()).unwrap_err();
    assert!(matches!(error, GpuError::MemoryBudget { budget: 8, activations: 0, .. }), "{error}");
}

#[test]
fn parameters_must_be_there_and_belong_to_the_graph_and_the_device() {
    let (device, shape) = (device(), Shape::new(1, 2, 2, 3));
    let graph = scale_shift(shape).unwrap();
    let upload = |source: HashMap<String, Vec<f32>>| Parameters::upload(&device, &graph, &source);
    let named = |name: &str, n| (name.to_owned(), vec![1.0; n]);
    let error = upload([named("scale", 3)].into()).unwrap_err();
    assert_eq!(error.to_string(), "parameter \"shift\": no value was given");
    let error = upload([named("scale", 4), named("shift", 3)].into()).unwrap_err();
    assert_eq!(error.to_string(), "parameter \"scale\": 1×1×1×3 needs 3 values, got 4");

    let parameters = Arc::new(upload([named("scale", 3), named("shift", 3)].into()).unwrap());
    let make = |graph| Session::new(&device, &graph, graph.outputs(), parameters.clone()).unwrap_err().to_string();
    let wider = scale_shift(Shape::new(1, 2, 2, 5)).unwrap();
    assert_eq!(
        make(wider),
        "parameter \"scale\": the graph needs 1×1×1×5 f32 (Image), uploaded was 1×1×1×3 f32 (Image)"
    );
    assert_eq!(make(relu(shape)), "parameter \"scale\": the graph needs nothing, uploaded was 1×1×1×3 f32 (Image)");
    let error = Session::new(&common::device(), &graph, graph.outputs(), parameters).unwrap_err();
    assert!(matches!(error, GpuError::OtherDevice));
}

#[test]
fn a_lost_device_is_an_error_and_stays_one() {
    let device = device();
    let graph = relu(Shape::new(1, 2, 2, 4));
    let mut running = session(&device, &graph, graph.outputs());
    let x = values(16);
    running.run_blocking(&[("x", (&x).into())]).unwrap();
    device.destroy();
    for _ in 0..2 {
        let error = running.run_blocking(&[("x", (&x).into())]).unwrap_err();
        assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
    }
    let error = pollster::block_on(running.run(&[("x", (&x).into())])).unwrap_err();
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
    let error = Parameters::upload(&device, &graph, &common::no_parameters())
        .and_then(|p| Session::new(&device, &graph, graph.outputs(), Arc::new(p)))
        .unwrap_err();
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
}

/// Runs itself again in a process in which the Vulkan loader finds no driver.
#[cfg(target_os = "linux")]
#[test]
fn without_any_driver_the_error_names_the_packages() {
    const CHILD: &str = "ATROUS_TEST_WITHOUT_DRIVERS";
    const NAME: &str = "without_any_driver_the_error_names_the_packages";
    if std::env::var_os(CHILD).is_some() {
        let error = Device::open_blocking(&AdapterChoice::Auto, DeviceOptions::default()).unwrap_err();
        assert!(matches!(error, GpuError::NoAdapter { .. }), "{error}");
        let text = error.to_string();
        assert!(["mesa-vulkan-drivers", "libvulkan1", "VULKAN"].iter().all(|word| text.contains(word)), "{text}");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .envs([(CHILD, "1"), ("VK_DRIVER_FILES", "/nowhere.json"), ("VK_ICD_FILENAMES", "/nowhere.json")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
}

/// On an adapter without cooperative matrices opening for them is refused by its name and with a reason; on one with, they pass.
#[test]
fn cooperative_matrices_are_off_unless_asked_for_and_refused_where_there_are_none() {
    let plain = device_with(DeviceOptions { cooperative: false, ..DeviceOptions::default() });
    assert_eq!(plain.target().cooperative, None);
    let info = plain.info();
    let options = DeviceOptions { cooperative: true, ..DeviceOptions::default() };
    match Device::open_blocking(&AdapterChoice::Index(info.index.unwrap()), options) {
        Ok(device) => {
            assert!(!info.cooperative.is_empty());
            assert!(device.target().cooperative.is_some(), "{info} fails the test of its matrices");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, GpuError::NoCooperative { .. }) && text.contains(&info.name), "{text}");
            let unusable = info.cooperative.is_empty() || text.contains("subgroups") || text.contains("none of its");
            assert!(unusable, "{text}: {:?}", info.cooperative);
        }
    }
}

#[test]
fn a_device_that_is_opened_again_gives_the_same_bits_and_is_announced() {
    let device = device();
    let announced = Arc::new(Mutex::new(Vec::new()));
    let (tell, compiled) = (announced.clone(), Arc::new(Mutex::new(0)));
    device.on_reopen(move |device| tell.lock().unwrap().push(device.clone()));
    let count = compiled.clone();
    device.on_compile(move |kernels| *count.lock().unwrap() += kernels);
    let graph = relu(Shape::new(1, 2, 2, 4));
    let x = values(16);
    let want = session(&device, &graph, graph.outputs()).run_blocking(&[("x", (&x).into())]).unwrap();
    device.set_memory_budget(Some(1 << 20));
    let mut current = device;
    for losses in 1..=3 {
        current.destroy();
        current = current.reopen_blocking().unwrap();
        assert_eq!(current.memory_budget(), Some(1 << 20));
        assert_eq!(current.target().limits, common::device().target().limits);
        let got = session(&current, &graph, graph.outputs()).run_blocking(&[("x", (&x).into())]).unwrap();
        assert_eq!(got.iter().next().unwrap().f32().unwrap(), want.iter().next().unwrap().f32().unwrap());
        assert_eq!(announced.lock().unwrap().len(), losses);
        assert_eq!(*compiled.lock().unwrap(), losses + 1, "the watcher of kernels is still called");
    }
}

#[test]
fn a_budget_that_shrinks_stops_runs_before_they_are_submitted() {
    let device = device();
    let graph = relu(Shape::new(1, 2, 2, 4));
    let mut running = session(&device, &graph, graph.outputs());
    let needs = running.plan().peak_bytes();
    let x = values(16);
    for budget in [None, Some(needs)] {
        device.set_memory_budget(budget);
        running.run_blocking(&[("x", (&x).into())]).unwrap();
    }
    device.set_memory_budget(Some(needs - 1));
    let submits = running.counters().submits;
    let error = running.run_blocking(&[("x", (&x).into())]).unwrap_err();
    assert!(matches!(error, GpuError::MemoryBudget { needs: n, budget, .. } if n == needs && budget == needs - 1));
    assert_eq!(running.counters().submits, submits);
    device.set_memory_budget(None);
    running.run_blocking(&[("x", (&x).into())]).unwrap();
}
