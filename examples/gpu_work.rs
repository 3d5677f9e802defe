//! What a program does with a wgpu device by itself: opening it, pictures in and out of textures, a render pass.

use atrous::vision::RgbImage;
use atrous::wgpu;

use crate::Failure;

/// Draws two pictures of equal size side by side.
const SIDE_BY_SIDE: &str = "
@group(0) @binding(0) var left: texture_2d<f32>;
@group(0) @binding(1) var right: texture_2d<f32>;

@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    // One triangle that covers everything.
    return vec4(4.0 * f32(i & 1u) - 1.0, 4.0 * f32(i >> 1u) - 1.0, 0.0, 1.0);
}

@fragment
fn colour(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let texel = vec2<u32>(at.xy);
    let width = textureDimensions(left).x;
    if texel.x < width { return textureLoad(left, texel, 0); }
    return textureLoad(right, vec2(texel.x - width, texel.y), 0);
}
";

/// Opens the best adapter with all of its limits, which let atrous plan for it as it does for its own devices.
///
/// # Errors
/// If there is no adapter, or it gives no device.
pub fn open() -> Result<(wgpu::Adapter, wgpu::Device, wgpu::Queue), Failure> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let adapter = pollster::block_on(instance.request_adapter(&options))?;
    let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..wgpu::DeviceDescriptor::default() };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))?;
    Ok((adapter, device, queue))
}

/// A texture for pictures.
pub fn texture(device: &wgpu::Device, width: u32, height: u32, usage: wgpu::TextureUsages) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
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

/// A picture in a texture that kernels can read.
pub fn upload(device: &wgpu::Device, queue: &wgpu::Queue, picture: &RgbImage) -> wgpu::Texture {
    let (width, height) = picture.dimensions();
    let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
    let texture = texture(device, width, height, usage);
    let bytes: Vec<u8> = picture.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &bytes, layout, texture.size());
    texture
}

/// Appends a render pass that draws two pictures side by side.
pub fn side_by_side(
    device: &wgpu::Device,
    encoder: &mut wgpu::CommandEncoder,
    pictures: [&wgpu::Texture; 2],
    target: &wgpu::Texture,
) {
    let source = wgpu::ShaderSource::Wgsl(SIDE_BY_SIDE.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("colour"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(target.format().into())],
        }),
        multiview_mask: None,
        cache: None,
    });
    let views =
        [pictures[0], pictures[1], target].map(|texture| texture.create_view(&wgpu::TextureViewDescriptor::default()));
    let entry = |binding: u32| wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::TextureView(&views[binding as usize]),
    };
    let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[entry(0), entry(1)],
    });
    let attachment = wgpu::RenderPassColorAttachment {
        view: &views[2],
        depth_slice: None,
        resolve_target: None,
        ops: wgpu::Operations::default(),
    };
    let descriptor =
        wgpu::RenderPassDescriptor { color_attachments: &[Some(attachment)], ..wgpu::RenderPassDescriptor::default() };
    let mut pass = encoder.begin_render_pass(&descriptor);
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &bindings, &[]);
    pass.draw(0..3, 0..1);
}

/// The picture in a texture.
///
/// # Errors
/// If the device was lost meanwhile.
pub fn download(device: &wgpu::Device, queue: &wgpu::Queue, texture: &wgpu::Texture) -> Result<RgbImage, Failure> {
    let (width, height) = (texture.width(), texture.height());
    let row = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row) * u64::from(height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let to = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
    queue.submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |_| {});
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let bytes = buffer.get_mapped_range(..)?;
    let texel = |x: u32, y: u32| (y * row + 4 * x) as usize;
    Ok(RgbImage::from_fn(width, height, |x, y| [0, 1, 2].map(|c| bytes[texel(x, y) + c]).into()))
}
