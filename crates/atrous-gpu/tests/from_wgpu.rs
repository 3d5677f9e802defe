//! Devices that the test opened by itself and shares with atrous.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use atrous_gpu::{Device, DeviceInput, DeviceOptions, GpuError, InputData, Session, wgpu};
use atrous_graph::Shape;
use atrous_kernels::Limits;
use common::{Opened, add_relu, relu, scale_shift, session, values};

const SHAPE: Shape = Shape::new(2, 9, 7, 5);

/// A session for [`SHAPE`].
fn running(device: &Device) -> Session {
    let graph = relu(SHAPE);
    session(device, &graph, graph.outputs())
}

/// Whether a run gives what it should.
fn runs(session: &mut Session) -> Result<(), GpuError> {
    let x = values(SHAPE.len());
    let outputs = session.run_blocking(&[("x", (&x).into())])?;
    assert_eq!(outputs.f32("y").unwrap(), x.iter().map(|v| v.max(0.0)).collect::<Vec<f32>>());
    Ok(())
}

/// Asks wgpu for a buffer that it must refuse.
fn make_an_error(device: &wgpu::Device) {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::STORAGE;
    let descriptor = wgpu::BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false };
    drop(device.create_buffer(&descriptor));
}

/// The number of errors that reach the device's callback.
fn counted(device: &wgpu::Device) -> Arc<AtomicUsize> {
    let errors = Arc::new(AtomicUsize::new(0));
    let seen = errors.clone();
    device.on_uncaptured_error(Arc::new(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
    }));
    errors
}

#[test]
fn limits_are_those_that_the_device_was_opened_with() {
    let device = Opened::plain().share(DeviceOptions::default()).unwrap();
    assert_eq!(device.target().limits, Limits::WEBGPU);
    assert_eq!((device.info().index, device.raw().features()), (None, wgpu::Features::empty()));
    runs(&mut running(&device)).unwrap();

    let small =
        wgpu::Limits { max_storage_buffer_binding_size: 1024, max_buffer_size: 1 << 20, ..wgpu::Limits::default() };
    let device = Opened::new(small, wgpu::Features::empty()).share(DeviceOptions::default()).unwrap();
    assert_eq!(device.target().limits, Limits { max_binding: 1024, max_buffer: 1 << 20, ..Limits::WEBGPU });
    let (graph, outputs) = add_relu(Shape::new(2, 16, 16, 4));
    let mut cut = session(&device, &graph, &outputs);
    assert!(cut.plan().dispatches() > 2, "8192 bytes do not fit one binding");
    let a = values(2048);
    let sum = a.iter().map(|v| v + v).collect::<Vec<f32>>();
    assert_eq!(cut.run_blocking(&[("a", (&a).into()), ("b", (&a).into())]).unwrap().f32("sum").unwrap(), sum);
}

#[test]
fn a_device_below_what_kernels_need_is_refused() {
    let opened = Opened::new(wgpu::Limits::downlevel_defaults(), wgpu::Features::empty());
    let error = opened.share(DeviceOptions::default()).unwrap_err();
    let named =
        matches!(error, GpuError::DeviceLimit { limit: "max_storage_buffers_per_shader_stage", needs: 8, got: 4 });
    assert!(named && error.to_string().contains("required_limits"), "{error}");
    let opened = Opened::new(wgpu::Limits::downlevel_webgl2_defaults(), wgpu::Features::empty());
    let error = opened.share(DeviceOptions::default()).unwrap_err();
    assert!(matches!(error, GpuError::DeviceLimit { got: 0, .. }), "{error}");
}

#[test]
fn features_serve_if_the_device_has_them_and_the_options_ask() {
    let timestamps = DeviceOptions { timestamps: true, ..DeviceOptions::default() };
    let timed = |features, options: &DeviceOptions| {
        let device = Opened::new(wgpu::Limits::default(), features).share(options.clone()).unwrap();
        let mut session = running(&device);
        runs(&mut session).unwrap();
        (session.last_gpu_time().is_some(), device.info().timestamps)
    };
    let (is, can) = timed(wgpu::Features::TIMESTAMP_QUERY, &timestamps);
    assert_eq!(is, can);
    assert!(!timed(wgpu::Features::TIMESTAMP_QUERY, &DeviceOptions::default()).0);
    assert!(!timed(wgpu::Features::empty(), &timestamps).0);

    let options = DeviceOptions { cooperative: true, ..DeviceOptions::default() };
    let error = Opened::plain().share(options).unwrap_err();
    assert!(matches!(error, GpuError::NoCooperative { .. }), "{error}");
    assert!(error.to_string().contains("it lacks"), "{error}");
}

#[test]
fn the_queue_must_be_that_of_the_device() {
    let opened = Opened::plain();
    for other in [opened.other(), Opened::plain()] {
        let errors = counted(&other.device);
        let (device, queue) = (opened.device.clone(), other.queue.clone());
        let mixed = Device::from_wgpu_blocking(&opened.adapter, device, queue, DeviceOptions::default());
        assert!(matches!(mixed, Err(GpuError::OtherQueue)));
        assert_eq!(errors.load(Ordering::Relaxed), 0);
    }
    assert!(opened.share(DeviceOptions::default()).is_ok());
}

#[test]
fn errors_and_scopes_of_the_owner_stay_its_own() {
    let opened = Opened::plain();
    let errors = counted(&opened.device);
    let device = opened.share(DeviceOptions::default()).unwrap();
    let mut session = running(&device);
    make_an_error(&opened.device);
    assert_eq!(errors.load(Ordering::Relaxed), 1);
    runs(&mut session).unwrap();
    let scope = opened.device.push_error_scope(wgpu::ErrorFilter::Validation);
    make_an_error(&opened.device);
    runs(&mut session).unwrap();
    assert!(pollster::block_on(scope.pop()).is_some());
    assert_eq!(errors.load(Ordering::Relaxed), 1);
}

#[test]
fn the_owner_is_told_of_a_loss_and_atrous_finds_it() {
    for callback in [true, false] {
        let opened = Opened::plain();
        let told = Arc::new(AtomicBool::new(false));
        let seen = told.clone();
        if callback {
            opened.device.set_device_lost_callback(move |_, _| seen.store(true, Ordering::Relaxed));
        }
        let device = opened.share(DeviceOptions::default()).unwrap();
        let mut session = running(&device);
        runs(&mut session).unwrap();
        opened.device.destroy();
        for _ in 0..2 {
            let error = runs(&mut session).unwrap_err();
            assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
        }
        let graph = relu(SHAPE);
        let error = atrous_gpu::Parameters::upload(&device, &graph, &common::no_parameters())
            .and_then(|p| Session::new(&device, &graph, graph.outputs(), Arc::new(p)))
            .unwrap_err();
        assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
        let error = opened.share(DeviceOptions::default()).unwrap_err();
        assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
        opened.device.poll(wgpu::PollType::Poll).unwrap();
        assert_eq!(told.load(Ordering::Relaxed), callback);
    }
}

#[test]
fn a_loss_is_found_by_whatever_comes_first() {
    let graph = scale_shift(SHAPE).unwrap();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), vec![1.0; 5]), ("shift".to_owned(), vec![0.0; 5])].into();
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    opened.device.destroy();
    let error = atrous_gpu::Parameters::upload(&device, &graph, &source).unwrap_err();
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");

    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let mut session = running(&device);
    opened.device.destroy();
    let x = values(SHAPE.len());
    let input = DeviceInput::Host(InputData::F32(&x));
    let error = session.encode(&mut opened.encoder(), &[("x", input)]).unwrap_err();
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
}

#[test]
fn another_thread_may_poll_all_the_time() {
    let opened = Opened::plain();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                opened.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
            }
        });
        let mut session = running(&opened.share(DeviceOptions::default()).unwrap());
        let all = (0..50).try_for_each(|_| runs(&mut session));
        let awaited = pollster::block_on(session.run(&[("x", (&values(SHAPE.len())).into())]));
        done.store(true, Ordering::Relaxed);
        all.and(awaited.map(drop)).unwrap();
    });
}

#[test]
fn the_device_lives_as_long_as_anybody_holds_it() {
    let Opened { adapter, device, queue } = Opened::plain();
    let ours = Device::from_wgpu_blocking(&adapter, device, queue, DeviceOptions::default()).unwrap();
    drop(adapter);
    let mut session = running(&ours);
    drop(ours);
    runs(&mut session).unwrap();

    let opened = Opened::plain();
    drop(running(&opened.share(DeviceOptions::default()).unwrap()));
    let again = opened.share(DeviceOptions::default()).unwrap();
    runs(&mut running(&again)).unwrap();
}

#[test]
fn two_devices_of_atrous_on_one_of_wgpu_do_not_share_parameters() {
    let opened = Opened::plain();
    let [one, other] = [(); 2].map(|()| opened.share(DeviceOptions::default()).unwrap());
    runs(&mut running(&one)).unwrap();
    runs(&mut running(&other)).unwrap();
    let graph = relu(SHAPE);
    let parameters = atrous_gpu::Parameters::upload(&one, &graph, &common::no_parameters()).unwrap();
    let error = Session::new(&other, &graph, graph.outputs(), Arc::new(parameters)).unwrap_err();
    assert!(matches!(error, GpuError::OtherDevice), "{error}");
}
