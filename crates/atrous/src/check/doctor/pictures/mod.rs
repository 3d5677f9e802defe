//! What moves pictures and results between a program's textures and buffers and a network, against the same on the host. No plan has these
//! kernels: sessions run them around it.

mod resources;

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare};
use atrous_gpu::wgpu::{BufferUsages, TextureFormat as Format, TextureUsages};
use atrous_gpu::{BufferLayout, Device, DeviceInput, GpuError, InputData, Overlay, Parameters, Picture, Session};
use atrous_graph::op::Unary;
use atrous_graph::{DType, Graph, Op, Shape};
use atrous_kernels::Choice;

use super::run::Run;
use crate::check::CheckError;
use resources::{buffer, picture, submit, texels, texture, words};

/// Width and height: no multiples of a workgroup's sides.
const SIZE: [usize; 2] = [13, 10];
const PIXELS: usize = SIZE[0] * SIZE[1];
/// Channels of the tensors that are no pictures: more than a vec4, and no multiple of one.
const CHANNELS: usize = 5;

/// A check of a kernel.
type Check = fn(&Device) -> Result<(), CheckError>;

/// Shaders, and what runs them.
const CHECKS: [(&str, Check); 5] = [
    ("image/normalize", normalize),
    ("interop/load_buffer", load_buffer),
    ("interop/load_texture", load_texture),
    ("interop/store_texture", store_texture),
    ("interop/overlay", overlay),
];

/// The shaders that are run.
#[cfg(test)]
pub(super) fn shaders() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(shader, _)| *shader)
}

/// Runs each kernel.
pub(super) fn examine(device: &Device) -> Result<Vec<Run>, GpuError> {
    let run = |(shader, check): (&'static str, Check)| {
        let error = match check(device) {
            Err(CheckError::Gpu(error @ GpuError::DeviceLost(_))) => return Err(error),
            judged => judged.err(),
        };
        let variant = shader.rsplit('/').next().unwrap_or(shader);
        Ok(Run { operation: shader.to_owned(), choice: Choice { variant, tile: None }, error })
    };
    CHECKS.into_iter().map(run).collect()
}

/// Computes `y = relu(x)`, and of `y` the map of the largest channels.
fn session(device: &Device, channels: usize) -> Result<Session, CheckError> {
    let mut graph = Graph::new();
    let x = graph.input("x", shape(channels), DType::F32)?;
    let y = graph.add("y", Op::Unary(Unary::Relu), &[x])?;
    let map = graph.add("map", Op::ArgMax, &[y])?;
    let parameters = Arc::new(Parameters::upload(device, &graph, &HashMap::new())?);
    Ok(Session::new(device, &graph, &[y, map], parameters)?)
}

fn shape(channels: usize) -> Shape {
    Shape::new(1, SIZE[1], SIZE[0], channels)
}

/// A session that gives back the bytes of pictures, the blue one first.
fn session_of_bytes(device: &Device) -> Result<Session, CheckError> {
    let mut session = session(device, 3)?;
    let table = std::array::from_fn(|byte| byte as f32);
    session.take_pixels("x", &[(2, table), (1, table), (0, table)])?;
    Ok(session)
}

/// Red, green and blue of pictures.
fn photo([width, height]: [usize; 2]) -> Vec<[u8; 3]> {
    let pixel = |i: usize| {
        let [x, y] = [i % width, i / width];
        [x * 19 + y, y * 23 + 5 * x, (x * y * 7) ^ (x << 4)].map(|v| v as u8)
    };
    (0..width * height).map(pixel).collect()
}

/// Values that are not negative.
fn values() -> Vec<f32> {
    (0..PIXELS * CHANNELS).map(|i| ((i * i * 7 + i / 5) % 101) as f32 / 8.0).collect()
}

/// Accepts values that are off by at most `allowed`.
fn judge(kernel: &'static str, node: &str, got: &[f32], want: Vec<f64>, allowed: f64) -> Result<(), CheckError> {
    let shape = Shape::channels(want.len());
    let magnitude = Tensor::new(shape, vec![1.0; want.len()]);
    let tolerance = Tolerance { rtol: allowed, floor: 0.0, storage: DType::F32 };
    compare(got, &Tensor::new(shape, want), &magnitude, tolerance).map_err(|error| CheckError::Result {
        op: kernel,
        node: node.to_owned(),
        storage: DType::F32,
        source: Box::new(error),
    })
}

fn exact(kernel: &'static str, node: &str, got: &[f32], want: impl Iterator<Item = f64>) -> Result<(), CheckError> {
    judge(kernel, node, got, want.collect(), 0.0)
}

fn normalize(device: &Device) -> Result<(), CheckError> {
    let mut session = session(device, 3)?;
    let tables: [(usize, [f32; 256]); 3] =
        [2, 0, 1].map(|source| (source, std::array::from_fn(|byte| (3 * byte + 256 * source) as f32)));
    session.take_pixels("x", &tables)?;
    let photo = photo(SIZE);
    let outputs = session.run_blocking(&[("x", InputData::Rgb8(photo.as_flattened()))])?;
    let want =
        photo.iter().flat_map(|pixel| tables.map(|(source, table)| f64::from(table[usize::from(pixel[source])])));
    exact("normalize", "y", outputs.f32("y")?, want)
}

fn load_buffer(device: &Device) -> Result<(), CheckError> {
    let values = values();
    let mut session = session(device, CHANNELS)?;
    let padded = CHANNELS.next_multiple_of(4);
    for layout in [BufferLayout::Nhwc, BufferLayout::Nchw, BufferLayout::Padded] {
        let mut arranged = vec![f32::NAN; PIXELS * padded];
        for (i, value) in values.iter().enumerate() {
            let (pixel, c) = (i / CHANNELS, i % CHANNELS);
            let at = match layout {
                BufferLayout::Nhwc => i,
                BufferLayout::Nchw => c * PIXELS + pixel,
                BufferLayout::Padded => pixel * padded + c,
            };
            arranged[at] = *value;
        }
        let bytes: Vec<u8> = arranged.iter().flat_map(|value| value.to_le_bytes()).collect();
        let buffer = buffer(device, &bytes, BufferUsages::STORAGE);
        let got = seen(device, &mut session, DeviceInput::Buffer { buffer: &buffer, offset: 0, layout }, CHANNELS)?;
        exact("load_buffer", &format!("{layout:?}"), &got, values.iter().map(|value| f64::from(*value)))?;
    }
    Ok(())
}

/// `y` after a run that is encoded with this input.
fn seen(device: &Device, session: &mut Session, x: DeviceInput<'_>, channels: usize) -> Result<Vec<f32>, GpuError> {
    submit(device, |encoder| session.encode(encoder, &[("x", x)]))?;
    let y = session.output_buffer("y")?;
    let all: Vec<f32> = words(device, y.buffer, y.offset, y.bytes)?.into_iter().map(f32::from_bits).collect();
    Ok(all.chunks(channels.next_multiple_of(4)).flat_map(|pixel| &pixel[..channels]).copied().collect())
}

fn load_texture(device: &Device) -> Result<(), CheckError> {
    let mut session = session_of_bytes(device)?;
    for format in [Format::Rgba8Unorm, Format::Bgra8UnormSrgb] {
        for size in [SIZE, [31, 23], [5, 4]] {
            let photo = photo(size);
            let texture = picture(device, size, format, &photo);
            let pictures = [Picture::from(&texture)];
            let got = seen(device, &mut session, DeviceInput::Pictures(&pictures), 3)?;
            let want = resized(&photo, size).into_iter().flat_map(|[r, g, b]| [b, g, r]).collect();
            // The nearest byte, whichever is taken half way between two.
            let allowed = if size == SIZE { 0.0 } else { 0.5 + 1e-3 };
            judge("load_texture", &format!("{}×{} texels of {format:?}", size[0], size[1]), &got, want, allowed)?;
        }
    }
    Ok(())
}

/// Means of the texels under a triangle around each pixel's centre, as wide as two texels or two pixels.
fn resized(photo: &[[u8; 3]], size: [usize; 2]) -> Vec<[f64; 3]> {
    let weights = |at: usize, axis: usize| -> Vec<f64> {
        let scale = size[axis] as f64 / SIZE[axis] as f64;
        let (centre, support) = ((at as f64 + 0.5) * scale, scale.max(1.0));
        (0..size[axis]).map(|texel| (1.0 - (texel as f64 + 0.5 - centre).abs() / support).max(0.0)).collect()
    };
    let mean = |i: usize| {
        let (across, down) = (weights(i % SIZE[0], 0), weights(i / SIZE[0], 1));
        let all: f64 = across.iter().sum::<f64>() * down.iter().sum::<f64>();
        let weighed = |c: usize| {
            let weigh =
                |(at, texel): (usize, &[u8; 3])| across[at % size[0]] * down[at / size[0]] * f64::from(texel[c]);
            photo.iter().enumerate().map(weigh).sum::<f64>() / all
        };
        [0, 1, 2].map(weighed)
    };
    (0..PIXELS).map(mean).collect()
}

/// A run on [`values`], and the largest channel of each pixel.
fn classified(device: &Device) -> Result<(Session, Vec<usize>), CheckError> {
    let (mut session, values) = (session(device, CHANNELS)?, values());
    submit(device, |encoder| session.encode(encoder, &[("x", DeviceInput::Host(InputData::F32(&values)))]))?;
    let largest = |pixel: &[f32]| (0..CHANNELS).rev().max_by(|a, b| pixel[*a].total_cmp(&pixel[*b])).unwrap_or(0);
    let classes = values.chunks(CHANNELS).map(largest).collect();
    Ok((session, classes))
}

/// The pixel under the centre of each texel of a texture that has twice as many across and down.
fn doubled() -> impl Iterator<Item = usize> {
    (0..4 * PIXELS).map(|i| i / (2 * SIZE[0]) / 2 * SIZE[0] + i % (2 * SIZE[0]) / 2)
}

fn store_texture(device: &Device) -> Result<(), CheckError> {
    let (session, classes) = classified(device)?;
    let usage = TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC;
    let twice = SIZE.map(|side| 2 * side);
    let map = texture(device, twice, Format::R32Uint, usage);
    submit(device, |encoder| session.encode_texture(encoder, "map", (0, 0), &map))?;
    let got: Vec<f32> = texels(device, &map)?.into_iter().map(|class| class as f32).collect();
    exact("store_texture", "u32", &got, doubled().map(|pixel| classes[pixel] as f64))?;
    let channel = texture(device, SIZE, Format::R32Float, usage);
    submit(device, |encoder| session.encode_texture(encoder, "y", (0, 3), &channel))?;
    let got: Vec<f32> = texels(device, &channel)?.into_iter().map(f32::from_bits).collect();
    exact("store_texture", "f32", &got, values().chunks(CHANNELS).map(|pixel| f64::from(pixel[3])))
}

fn overlay(device: &Device) -> Result<(), CheckError> {
    const COLOURS: [[u8; 3]; 3] = [[255, 0, 7], [0, 128, 33], [1, 254, 99]];
    let (session, classes) = classified(device)?;
    let twice = SIZE.map(|side| 2 * side);
    let photo = photo(twice);
    for format in [Format::Rgba8Unorm, Format::Bgra8UnormSrgb] {
        let picture = picture(device, twice, format, &photo);
        let target =
            texture(device, twice, Format::Rgba8Unorm, TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC);
        let drawn = Overlay { picture: &picture, target: &target, colours: &COLOURS, alpha: 0.25 };
        submit(device, |encoder| session.encode_overlay(encoder, "map", 0, &drawn))?;
        let bytes = |texel: u32| texel.to_le_bytes().into_iter().take(3).map(f32::from);
        let got: Vec<f32> = texels(device, &target)?.into_iter().flat_map(bytes).collect();
        let mixed = |(pixel, at): (&[u8; 3], usize)| {
            let colour = COLOURS.get(classes[at]).unwrap_or(pixel);
            [0, 1, 2].map(|c| 0.75 * f64::from(pixel[c]) + 0.25 * f64::from(colour[c]))
        };
        let want = photo.iter().zip(doubled()).flat_map(mixed).collect();
        judge("overlay", &format!("over {format:?}"), &got, want, 0.5 + 1e-3)?;
    }
    Ok(())
}
