//! Runs in the caller's encoders: inputs from buffers, results left on the device.

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{
    BufferLayout, Data, DeviceInput, DeviceOptions, GpuError, InputData, InputError, Output, Parameters, Session, wgpu,
};
use atrous_graph::{Shape, TensorType};
use common::{Opened, add_relu, relu, scale_shift, session, values};
use wgpu::BufferUsages as Usage;

/// Samples of 240 and of 480 bytes, which begin at no multiple of a binding's alignment.
const SHAPE: Shape = Shape::new(3, 3, 5, 6);

fn host(values: &[f32]) -> DeviceInput<'_> {
    DeviceInput::Host(InputData::F32(values))
}

/// Dense values of an output, read from where it lies.
fn read(opened: &Opened, session: &Session, output: &str) -> Vec<f32> {
    let place = session.output_buffer(output).unwrap();
    unpack(place.ty, &opened.read(place.buffer, place.offset, place.bytes))
}

/// The documented layout, undone.
fn unpack(ty: TensorType, bytes: &[u8]) -> Vec<f32> {
    let (shape, padded) = (ty.shape, ty.shape.c.next_multiple_of(4));
    let value = |i: usize| f32::from_le_bytes(bytes[4 * i..][..4].try_into().unwrap());
    (0..shape.len()).map(|i| value(i / shape.c * padded + i % shape.c)).collect()
}

/// A copy of an output's bytes, made by the encoder.
fn copied(opened: &Opened, encoder: &mut wgpu::CommandEncoder, session: &Session, output: &str) -> wgpu::Buffer {
    let place = session.output_buffer(output).unwrap();
    let copy = opened.buffer(place.bytes, Usage::COPY_DST | Usage::COPY_SRC);
    encoder.copy_buffer_to_buffer(place.buffer, place.offset, &copy, 0, place.bytes);
    copy
}

fn positive(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| v.max(0.0)).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Dense values in the order of a layout; what is padding is no number.
fn arranged(values: &[f32], layout: BufferLayout) -> Vec<f32> {
    let [n, h, w, c] = SHAPE.dims();
    match layout {
        BufferLayout::Nhwc => values.to_vec(),
        BufferLayout::Nchw => {
            let from = |i: usize| SHAPE.index(i / (c * h * w), i / w % h, i % w, i / (h * w) % c);
            (0..n * c * h * w).map(|i| values[from(i)]).collect()
        }
        BufferLayout::Padded => values.chunks(c).flat_map(|pixel| [pixel, &[f32::NAN; 2]].concat()).collect(),
    }
}

#[test]
fn inputs_come_from_buffers_in_every_layout_and_results_stay_on_the_device() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions { checks: true, ..DeviceOptions::default() }).unwrap();
    let graph = relu(SHAPE);
    let mut running = session(&device, &graph, graph.outputs());
    for (i, layout) in [BufferLayout::Nhwc, BufferLayout::Nchw, BufferLayout::Padded].into_iter().enumerate() {
        let x: Vec<f32> = values(SHAPE.len()).iter().map(|v| v + i as f32).collect();
        let offset = 256 * i as u64;
        let buffer = opened.filled(&[vec![0xff; offset as usize], bytes(&arranged(&x, layout))].concat());
        let mut encoder = opened.encoder();
        let before = running.counters();
        running.encode(&mut encoder, &[("x", DeviceInput::Buffer { buffer: &buffer, offset, layout })]).unwrap();
        opened.queue.submit([encoder.finish()]);
        assert_eq!(read(&opened, &running, "y"), positive(&x), "{layout:?}");
        let place = running.output_buffer("y").unwrap();
        let all = opened.read(place.buffer, place.offset, place.bytes);
        let padding = all.chunks(32).flat_map(|pixel| &pixel[24..]);
        assert!(padding.clone().count() > 0 && padding.clone().all(|byte| *byte == 0), "{layout:?}");
        let after = running.counters();
        assert_eq!((after.submits, after.readbacks, after.uploads), (before.submits, before.readbacks, before.uploads));
        assert_eq!((after.passes, after.dispatches), (before.passes + 1, before.dispatches + 4));
    }
}

/// Each run computes with its own inputs, whatever is encoded, run and submitted before.
#[test]
fn runs_may_be_encoded_and_submitted_in_any_order() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let graph = relu(SHAPE);
    let mut running = session(&device, &graph, graph.outputs());
    let x: Vec<Vec<f32>> = (0..5).map(|i| values(SHAPE.len()).iter().map(|v| v + i as f32 / 4.0).collect()).collect();
    let mut run = |encoder: &mut wgpu::CommandEncoder, x: &[f32]| {
        running.encode(encoder, &[("x", host(x))]).unwrap();
        copied(&opened, encoder, &running, "y")
    };
    let [mut first, mut second] = [opened.encoder(), opened.encoder()];
    let results = [run(&mut first, &x[0]), run(&mut first, &x[1]), run(&mut second, &x[2]), run(&mut first, &x[3])];
    let between = running.run_blocking(&[("x", (&x[4]).into())]).unwrap();
    let flight = running.begin(&[("x", (&x[0]).into())]).unwrap();
    opened.queue.submit([second.finish(), first.finish()]);
    assert_eq!(between.f32("y").unwrap(), positive(&x[4]));
    assert_eq!(running.finish_blocking(flight).unwrap().f32("y").unwrap(), positive(&x[0]));
    for (result, x) in results.iter().zip(&x) {
        assert_eq!(unpack(TensorType::image(SHAPE), &opened.read(result, 0, result.size())), positive(x));
    }
    let after = running.run_blocking(&[("x", (&x[2]).into())]).unwrap();
    assert_eq!(after.f32("y").unwrap(), positive(&x[2]));
}

#[test]
fn what_was_encoded_outlives_its_session_and_sessions_share_parameters() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let graph = scale_shift(SHAPE).unwrap();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), values(6)), ("shift".to_owned(), vec![0.5; 6])].into();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &source).unwrap());
    let x = values(SHAPE.len());
    let wider = scale_shift(Shape { w: 9, ..SHAPE }).unwrap();
    let x_wider = values(3 * 3 * 9 * 6);
    let mut encoder = opened.encoder();
    let results = [(&graph, &x), (&wider, &x_wider)].map(|(graph, x)| {
        let mut session = Session::new(&device, graph, graph.outputs(), parameters.clone()).unwrap();
        session.encode(&mut encoder, &[("x", host(x))]).unwrap();
        let ty = session.output_buffer("y").unwrap().ty;
        (ty, copied(&opened, &mut encoder, &session, "y"))
    });
    drop((parameters, device));
    opened.queue.submit([encoder.finish()]);
    for ((ty, result), x) in results.iter().zip([&x, &x_wider]) {
        let want: Vec<f32> = x.iter().enumerate().map(|(i, v)| (v * source["scale"][i % 6] + 0.5).max(0.0)).collect();
        assert_eq!(unpack(*ty, &opened.read(result, 0, result.size())), want, "{ty}");
    }
}

#[test]
fn a_large_batch_is_loaded_in_parts() {
    let small = wgpu::Limits { max_storage_buffer_binding_size: 1024, ..wgpu::Limits::default() };
    let opened = Opened::new(small, wgpu::Features::empty());
    let device = opened.share(DeviceOptions::default()).unwrap();
    let shape = Shape { n: 9, ..SHAPE };
    let graph = relu(shape);
    let mut running = session(&device, &graph, graph.outputs());
    let x = values(shape.len());
    let buffer = opened.filled(&bytes(&x));
    let mut encoder = opened.encoder();
    let input = DeviceInput::Buffer { buffer: &buffer, offset: 0, layout: BufferLayout::Nhwc };
    running.encode(&mut encoder, &[("x", input)]).unwrap();
    opened.queue.submit([encoder.finish()]);
    assert_eq!(read(&opened, &running, "y"), positive(&x));

    let huge = relu(Shape::new(1, 1, 16, 16));
    let mut running = session(&device, &huge, huge.outputs());
    let fits = running.encode(
        &mut opened.encoder(),
        &[("x", DeviceInput::Buffer { buffer: &buffer, offset: 0, layout: BufferLayout::Nhwc })],
    );
    assert!(fits.is_ok(), "{fits:?}");
}

#[test]
fn buffers_that_do_not_serve_are_refused_and_leave_the_encoder_as_it_was() {
    let opened = Opened::plain();
    let other = opened.other();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let graph = relu(SHAPE);
    let mut running = session(&device, &graph, graph.outputs());
    let needs = 4 * SHAPE.len() as u64;
    let mut encoder = opened.encoder();
    let mut refuse = |buffer: &wgpu::Buffer, offset, layout, texts: &[&str]| {
        let input = DeviceInput::Buffer { buffer, offset, layout };
        let error = running.encode(&mut encoder, &[("x", input)]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, GpuError::Resource { .. }) && text.starts_with("input \"x\": "), "{text}");
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    };
    let nhwc = BufferLayout::Nhwc;
    let storage = opened.buffer(needs + 256, Usage::STORAGE);
    refuse(&opened.buffer(needs, Usage::COPY_SRC), 0, nhwc, &["without the usage STORAGE"]);
    refuse(&opened.buffer(needs - 4, Usage::STORAGE), 0, nhwc, &["3×3×5×6", "1080", "1076"]);
    refuse(&storage, 512, nhwc, &["1080", "from offset 512", "824"]);
    refuse(&storage, 1 << 40, nhwc, &["there are 0"]);
    refuse(&storage, 0, BufferLayout::Padded, &["Padded", "1440"]);
    refuse(&storage, 4, nhwc, &["offset 4", "256"]);
    refuse(&other.buffer(needs, Usage::STORAGE), 0, nhwc, &[]);

    let mut input_error = |inputs: &[(&str, DeviceInput<'_>)]| match running.encode(&mut encoder, inputs) {
        Err(GpuError::Input(error)) => error,
        other => panic!("{other:?}"),
    };
    let x = values(SHAPE.len());
    assert!(matches!(input_error(&[]), InputError::Missing { .. }));
    assert!(matches!(input_error(&[("z", host(&x))]), InputError::Unknown { .. }));
    assert!(matches!(input_error(&[("x", host(&x)), ("x", host(&x))]), InputError::Twice { .. }));
    assert!(matches!(input_error(&[("x", host(&x[1..]))]), InputError::Length { .. }));
    assert!(matches!(input_error(&[("x", DeviceInput::Host(InputData::U32(&[0])))]), InputError::Type { .. }));
    assert!(matches!(input_error(&[("x", DeviceInput::Host(InputData::Rgb8(&[0])))]), InputError::Pixels { .. }));
    assert!(matches!(input_error(&[("x", DeviceInput::Pictures(&[]))]), InputError::Pixels { .. }));

    let error = running.output_buffer("z").unwrap_err();
    assert!(error.to_string().contains("there are: y"), "{error}");
    // Nothing was recorded, so nothing is wrong with it.
    opened.queue.submit([encoder.finish()]);
    assert_eq!(running.run_blocking(&[("x", (&x).into())]).unwrap().f32("y").unwrap(), positive(&x));
}

#[test]
fn inputs_of_host_and_device_go_together() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let (graph, [sum, out]) = add_relu(SHAPE);
    let mut running = session(&device, &graph, &[out, sum]);
    let a = values(SHAPE.len());
    let b: Vec<f32> = a.iter().rev().copied().collect();
    let buffer = opened.filled(&bytes(&b));
    let mut encoder = opened.encoder();
    let on_device = DeviceInput::Buffer { buffer: &buffer, offset: 0, layout: BufferLayout::Nhwc };
    let idle = DeviceInput::Host(InputData::U32(&[1, 2]));
    running.encode(&mut encoder, &[("b", on_device), ("idle", idle), ("a", host(&a))]).unwrap();
    opened.queue.submit([encoder.finish()]);
    let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    assert_eq!(read(&opened, &running, "sum"), want);
    assert_eq!(read(&opened, &running, "block"), positive(&want), "a label is a name too");
    let run = running.run_blocking(&[("a", (&a).into()), ("b", (&b).into())]).unwrap();
    let same =
        |output: &Output| matches!(&output.data, Data::F32(values) if *values == read(&opened, &running, &output.name));
    assert!(run.iter().all(same));
}
