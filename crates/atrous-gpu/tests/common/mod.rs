//! What the tests share: a device of the environment's choice (an adapter must be there) and small graphs.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError, Parameters, Session, wgpu};
use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

/// The device the environment asks for.
pub(crate) fn device() -> Device {
    Device::from_env_blocking().expect("the tests need an adapter")
}

/// A device of the environment's choice, with other options.
pub(crate) fn device_with(options: DeviceOptions) -> Device {
    Device::open_blocking(&AdapterChoice::from_env(), options).expect("the tests need an adapter")
}

/// A device that a test opens by itself, as a program does that has other uses for it.
pub(crate) struct Opened {
    pub(crate) adapter: wgpu::Adapter,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
}

impl Opened {
    /// Opens the adapter of the environment's choice with these limits, and with those of the features that it has.
    pub(crate) fn new(limits: wgpu::Limits, features: wgpu::Features) -> Self {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let wanted = device().info().clone();
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let is_wanted = |adapter: &wgpu::Adapter| {
            let info = adapter.get_info();
            info.name == wanted.name && info.backend.to_string() == wanted.backend
        };
        let adapter = adapters.into_iter().find(is_wanted).expect("the adapter is there");
        let descriptor = wgpu::DeviceDescriptor {
            required_limits: limits,
            required_features: features & adapter.features(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).expect("the adapter opens");
        Self { adapter, device, queue }
    }

    /// With WebGPU's default limits, and without any feature.
    pub(crate) fn plain() -> Self {
        Self::new(wgpu::Limits::default(), wgpu::Features::empty())
    }

    /// Another device of the same adapter.
    pub(crate) fn other(&self) -> Self {
        let (device, queue) =
            pollster::block_on(self.adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
        Self { adapter: self.adapter.clone(), device, queue }
    }

    /// Bytes of a buffer that can be copied from.
    pub(crate) fn read(&self, buffer: &wgpu::Buffer, offset: u64, size: u64) -> Vec<u8> {
        let copy = self.buffer(size, wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ);
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, offset, &copy, 0, size);
        self.queue.submit([encoder.finish()]);
        self.mapped(&copy)
    }

    /// The texels of a texture that can be copied from, row by row; each has 4 bytes.
    pub(crate) fn texels(&self, texture: &wgpu::Texture) -> Vec<u8> {
        let (used, row) = (4 * texture.width(), (4 * texture.width()).next_multiple_of(256));
        let size = u64::from(row * texture.height());
        let copy = self.buffer(size, wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
        let mut encoder = self.encoder();
        let to = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
        encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
        self.queue.submit([encoder.finish()]);
        self.mapped(&copy).chunks(row as usize).flat_map(|row| &row[..used as usize]).copied().collect()
    }

    fn mapped(&self, buffer: &wgpu::Buffer) -> Vec<u8> {
        buffer.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        buffer.get_mapped_range(..).unwrap().to_vec()
    }

    pub(crate) fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.device.create_buffer(&descriptor)
    }

    /// A buffer of these bytes that can be bound.
    pub(crate) fn filled(&self, bytes: &[u8]) -> wgpu::Buffer {
        let buffer = self.buffer(bytes.len() as u64, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }

    pub(crate) fn texture(
        &self,
        [width, height]: [u32; 2],
        format: wgpu::TextureFormat,
        usage: wgpu::TextureUsages,
    ) -> wgpu::Texture {
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        })
    }

    /// A texture of these texels, 4 bytes each, that can be bound.
    pub(crate) fn picture(&self, size: [u32; 2], format: wgpu::TextureFormat, texels: &[u8]) -> wgpu::Texture {
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
        let texture = self.texture(size, format, usage);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * size[0]), rows_per_image: None };
        self.queue.write_texture(texture.as_image_copy(), texels, layout, texture.size());
        texture
    }

    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Gives it to atrous.
    pub(crate) fn share(&self, options: DeviceOptions) -> Result<Device, GpuError> {
        Device::from_wgpu_blocking(&self.adapter, self.device.clone(), self.queue.clone(), options)
    }
}

/// `y = relu(x)`.
pub(crate) fn relu(shape: Shape) -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("x", shape, DType::F32).unwrap();
    let y = graph.add("y", Op::Unary(Unary::Relu), &[x]).unwrap();
    graph.set_outputs(vec![y]);
    graph
}

/// `sum = a + b`, `out = relu(sum)`, and an input that nothing needs.
pub(crate) fn add_relu(shape: Shape) -> (Graph, [NodeId; 2]) {
    let mut graph = Graph::new();
    let a = graph.input("a", shape, DType::F32).unwrap();
    let b = graph.input("b", shape, DType::F32).unwrap();
    graph.input("idle", Shape::channels(2), DType::U32).unwrap();
    let sum = graph.add("sum", Op::Binary(Binary::Add), &[a, b]).unwrap();
    let out = graph.add("out", Op::Unary(Unary::Relu), &[sum]).unwrap();
    graph.label("block", out);
    graph.set_outputs(vec![out]);
    (graph, [sum, out])
}

/// `y = relu(x * scale + shift)` with per-channel parameters.
pub(crate) fn scale_shift(shape: Shape) -> Result<Graph, GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", shape, DType::F32)?;
    let scale = graph.parameter("scale", Shape::channels(shape.c), Layout::Image)?;
    let shift = graph.parameter("shift", Shape::channels(shape.c), Layout::Image)?;
    let scaled = graph.add("scaled", Op::Binary(Binary::Mul), &[x, scale])?;
    let shifted = graph.add("shifted", Op::Binary(Binary::Add), &[scaled, shift])?;
    let y = graph.add("y", Op::Unary(Unary::Relu), &[shifted])?;
    graph.set_outputs(vec![y]);
    Ok(graph)
}

/// Values of both signs that f32 holds exactly.
pub(crate) fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 37 % 64) as f32 / 8.0 - 4.0).collect()
}

pub(crate) fn no_parameters() -> HashMap<String, Vec<f32>> {
    HashMap::new()
}

/// A session over a graph without parameters.
pub(crate) fn session(device: &Device, graph: &Graph, outputs: &[NodeId]) -> Session {
    let parameters = Parameters::upload(device, graph, &no_parameters()).unwrap();
    Session::new(device, graph, outputs, Arc::new(parameters)).unwrap()
}
