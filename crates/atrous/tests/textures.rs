//! Networks on a device that the test opened, beside a pass of its own, all in one encoder.

use atrous::gpu::{Overlay, wgpu};
use atrous::graph::{GraphError, NodeId};
use atrous::nn::layers::Conv;
use atrous::nn::{Builder, Built, Info};
use atrous::prelude::*;
use atrous::vision::{overlay, voc_palette};
use atrous::{Error, Result};
use atrous_golden::{fill, network};
use wgpu::{BufferUsages, TextureUsages};

/// Doubles numbers, some of them padding.
const DOUBLE: &str = "
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < arrayLength(&y) { y[id.x] = 2.0 * x[id.x]; }
}";

struct Own {
    device: wgpu::Device,
    queue: wgpu::Queue,
    shared: Device,
}

/// A device with WebGPU's default limits.
fn own() -> Own {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let options = DeviceOptions::default();
    let shared = Device::from_wgpu_blocking(&adapter, device.clone(), queue.clone(), options).unwrap();
    Own { device, queue, shared }
}

impl Own {
    fn predictor(&self, model: &str, size: Option<[usize; 2]>) -> Predictor {
        let network = network(model).unwrap();
        let weights = fill::weights(&*network, "answers/", 2.0).unwrap();
        Predictor::new(&self.shared, network, &weights, PredictorOptions { size, classes: None }).unwrap()
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn buffer(&self, size: u64, usage: BufferUsages) -> wgpu::Buffer {
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        self.device.create_buffer(&descriptor)
    }

    fn texture(&self, (width, height): (u32, u32), usage: TextureUsages) -> wgpu::Texture {
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage,
            view_formats: &[],
        })
    }

    fn upload(&self, photo: &RgbImage) -> wgpu::Texture {
        let texture = self.texture(photo.dimensions(), TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST);
        let bytes: Vec<u8> = photo.chunks(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
        let row = Some(4 * photo.width());
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: row, rows_per_image: None };
        self.queue.write_texture(texture.as_image_copy(), &bytes, layout, texture.size());
        texture
    }

    /// Appends a pass that doubles what is bound as `x`.
    fn double(&self, encoder: &mut wgpu::CommandEncoder, x: wgpu::BindingResource<'_>, y: &wgpu::Buffer) {
        let source = wgpu::ShaderSource::Wgsl(DOUBLE.into());
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        let bindings = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[entry(0, x), entry(1, y.as_entire_binding())],
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(y.size().div_ceil(4 * 64) as u32, 1, 1);
    }

    /// Bytes of a buffer that may be mapped.
    fn mapped(&self, buffer: &wgpu::Buffer) -> Vec<u8> {
        buffer.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        buffer.get_mapped_range(..).unwrap().to_vec()
    }
}

fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| [x * 3 + y, x + y * 5, x * y].map(|v| v as u8).into())
}

#[test]
fn two_networks_and_a_pass_of_ones_own_run_in_one_encoder() -> Result<()> {
    let own = own();
    let [mut segments, mut classifies] = ["small_unet", "tiny_cnn"].map(|name| own.predictor(name, Some([64, 64])));
    let photo = photo(64, 64);
    let picture = own.upload(&photo);
    let drawn = own.texture((64, 64), TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC);
    let read = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
    let texels = own.buffer(4 * 64 * 64, read);

    let mut encoder = own.encoder();
    let session = segments.encode(&mut encoder, &[&picture])?;
    let colours = voc_palette();
    let over = Overlay { picture: &picture, target: &drawn, colours: &colours, alpha: 0.5 };
    session.encode_overlay(&mut encoder, "class_map", 0, &over)?;
    let session = classifies.encode(&mut encoder, &[&picture, &picture])?;
    let name = session.outputs().next().map(|(name, _)| name.to_owned()).unwrap();
    let logits = session.output_buffer(&name)?;
    let doubled = own.buffer(logits.bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC);
    own.double(&mut encoder, logits.binding(), &doubled);
    let numbers = own.buffer(logits.bytes, read);
    encoder.copy_buffer_to_buffer(&doubled, 0, &numbers, 0, logits.bytes);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
    let to = wgpu::TexelCopyBufferInfo { buffer: &texels, layout };
    encoder.copy_texture_to_buffer(drawn.as_image_copy(), to, drawn.size());
    let (shape, padded) = (logits.ty.shape, logits.ty.padded().c);
    // Other runs of the same sessions in between change nothing.
    segments.segment_blocking(&RgbImage::new(64, 64))?;
    own.queue.submit([encoder.finish()]);

    let map = segments.segment_blocking(&photo)?;
    assert!(map.pixel_counts().iter().filter(|count| **count > 0).count() > 1);
    let rgb: Vec<u8> = own.mapped(&texels).chunks(4).flat_map(|texel| &texel[..3]).copied().collect();
    assert_eq!(rgb, *overlay(&photo, &map, &colours, 0.5)?);

    let tensor = classifies.preprocess().run(&[photo.clone(), photo])?;
    let want = classifies.run_blocking(&tensor)?;
    let bytes = own.mapped(&numbers);
    let got: Vec<f32> = bytes.chunks(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect();
    let got: Vec<f32> = got.chunks(padded).flat_map(|row| &row[..shape.c]).copied().collect();
    assert_eq!(got, want.f32()?.iter().map(|v| 2.0 * v).collect::<Vec<f32>>());
    Ok(())
}

/// The size at which the network sees a texture, and the part that it sees, are those for photographs.
#[test]
fn textures_are_brought_to_the_networks_size_like_photographs() -> Result<()> {
    let own = own();
    let mut network = own.predictor("resnet18", Some([64, 64]));
    let photo = photo(150, 110);
    let mut encoder = own.encoder();
    let session = network.encode(&mut encoder, &[&own.upload(&photo)])?;
    let (name, ty) = session.outputs().next().map(|(name, ty)| (name.to_owned(), ty)).unwrap();
    let place = session.output_buffer(&name)?;
    let numbers = own.buffer(place.bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    encoder.copy_buffer_to_buffer(place.buffer, place.offset, &numbers, 0, place.bytes);
    own.queue.submit([encoder.finish()]);
    let bytes = own.mapped(&numbers);
    let got: Vec<f32> = bytes.chunks(4).take(ty.shape.c).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect();
    let want = &network.classify_blocking(std::slice::from_ref(&photo), 3)?[0];
    let best = &atrous::vision::classify(&got, 3)?;
    assert_eq!(best[0].class, want[0].class);
    assert!((best[0].probability - want[0].probability).abs() < 0.02, "{best:?} {want:?}");

    let mut network = own.predictor("small_unet", None);
    let session = network.encode(&mut own.encoder(), &[&own.upload(&photo)])?;
    let seen = session.outputs().next().map(|(_, ty)| [ty.shape.h, ty.shape.w]).unwrap();
    assert_eq!(seen, [96, 160]);
    Ok(())
}

#[test]
fn photographs_that_need_a_border_are_refused() {
    let own = own();
    let picture = own.upload(&photo(64, 64));
    let mut encoder = own.encoder();
    let error = own.predictor("small_unet", None).encode(&mut encoder, &[]).unwrap_err();
    assert!(matches!(error, Error::Vision(atrous::vision::Error::EmptyBatch)), "{error}");
    let error = own.predictor("unet_valid", Some([188, 188])).encode(&mut encoder, &[&picture]).unwrap_err();
    assert!(error.to_string().contains("a texture gets no border"), "{error}");
}

/// A classifier without the pooling in front of its classes.
struct Unpooled;

impl Network for Unpooled {
    fn info(&self) -> Info {
        Info { size: [32, 32], shorter_side: None, ..Info::classification(3) }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> std::result::Result<Built, GraphError> {
        Ok(b.conv2d("conv", image, Conv::new(3, 3))?.into())
    }
}

#[test]
fn networks_whose_result_is_not_what_they_say_are_refused() {
    let own = own();
    let mut network = Predictor::new(&own.shared, Unpooled, &Weights::Init(1), PredictorOptions::default()).unwrap();
    let error = network.encode(&mut own.encoder(), &[&own.upload(&photo(32, 32))]).unwrap_err();
    assert!(error.to_string().ends_with("it makes 1×30×30×3 in place of 1×1×1×3"), "{error}");
}
