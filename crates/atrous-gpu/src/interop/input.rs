//! Inputs of a run from the caller's buffers and textures.

use atrous_graph::{DType, TensorType};
use atrous_kernels::plan::Place;
use atrous_shaders::interop::{load_buffer, load_texture};

use super::bind::{Window, check_texture, command, decodes_srgb, params, refuse, view};
use crate::buffer;
use crate::command::Command;
use crate::interop_kernels::SIDE;
use crate::pixels::PixelInput;
use crate::slots::{self, InputSlot};
use crate::{GpuError, InputData, InputError, Session};

/// An input of a run that is encoded, see [`Session::encode`].
#[derive(Clone, Copy, Debug)]
pub enum DeviceInput<'a> {
    /// Values in the host's memory.
    Host(InputData<'a>),
    /// 32-bit values, of the input's element type, in a buffer with the usage `STORAGE`.
    Buffer {
        /// A buffer of the same device, with the usage `STORAGE`.
        buffer: &'a wgpu::Buffer,
        /// The first byte, a multiple of the device's `min_storage_buffer_offset_alignment`.
        offset: u64,
        /// In which order the values lie.
        layout: BufferLayout,
    },
    /// A picture for each sample. [`Session::take_pixels`] sets the numbers that their bytes stand for.
    Pictures(&'a [Picture<'a>]),
}

/// In which order values lie in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferLayout {
    /// Dense, N, H, W, C: channels innermost.
    Nhwc,
    /// Dense, N, C, H, W: columns innermost.
    Nchw,
    /// The layout of an [`OutputBuffer`](super::OutputBuffer): N, H, W, C with channels padded to a multiple of 4. The values in the
    /// padding are ignored.
    Padded,
}

impl BufferLayout {
    /// Bytes of a sample, and the distances from pixel to pixel and from channel to channel in values.
    fn strides(self, ty: TensorType) -> (u64, [usize; 2]) {
        let (shape, padded) = (ty.shape, ty.shape.c.next_multiple_of(4));
        let dense = 4 * shape.sample_len() as u64;
        match self {
            Self::Nhwc => (dense, [shape.c, 1]),
            Self::Nchw => (dense, [1, shape.h * shape.w]),
            Self::Padded => (4 * (shape.h * shape.w * padded) as u64, [padded, 1]),
        }
    }
}

/// A part of a texture that a network sees as a picture of its input's size.
///
/// The texture is a plain 2D one with the usage `TEXTURE_BINDING` and one of the formats `Rgba8Unorm`, `Bgra8Unorm`,
/// `Rgba8UnormSrgb`, `Bgra8UnormSrgb`. Networks are trained on the sRGB-encoded bytes of picture files, so the network sees the bytes
/// as they are stored in the texture: values that the `Srgb` formats decode are encoded again. Alpha is ignored.
///
/// A part of another size than the input's is resized like Pillow's `BILINEAR`, with antialiasing; bytes differ by one at most. A part
/// of the input's size gives bit for bit the same numbers as the same bytes given as [`InputData::Rgb8`].
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// The texture; its first mip level is read.
    pub texture: &'a wgpu::Texture,
    /// Left, top, width and height of the part in texels, not necessarily whole ones.
    pub part: [f32; 4],
}

impl<'a> From<&'a wgpu::Texture> for Picture<'a> {
    /// All of the texture.
    fn from(texture: &'a wgpu::Texture) -> Self {
        Self { texture, part: [0.0, 0.0, texture.width() as f32, texture.height() as f32] }
    }
}

/// Copies and commands that put the inputs of an encoded run in place.
#[derive(Default)]
pub(super) struct Loads {
    /// Buffers that are copied whole: source, destination, and first byte in the destination.
    pub(super) copies: Vec<(wgpu::Buffer, wgpu::Buffer, u64)>,
    pub(super) commands: Vec<Command>,
    /// Whether bytes of pictures from the host are among the inputs.
    pub(super) by_pixels: bool,
}

/// Checks the inputs of a run and makes the copies and commands that load them.
pub(super) fn loads(session: &Session, inputs: &[(&str, DeviceInput<'_>)]) -> Result<Loads, GpuError> {
    let given = slots::given(&session.executable.inputs, inputs)?;
    let mut loads = Loads::default();
    for (slot, input) in session.executable.inputs.iter().zip(given) {
        match input {
            None => {}
            Some(DeviceInput::Host(data)) => loads.host(session, slot, *data)?,
            Some(DeviceInput::Buffer { buffer, offset, layout }) => {
                loads.buffer(session, slot, buffer, *offset, *layout)?;
            }
            Some(DeviceInput::Pictures(pictures)) => loads.pictures(session, slot, pictures)?,
        }
    }
    Ok(loads)
}

impl Loads {
    fn host(&mut self, session: &Session, slot: &InputSlot, data: InputData<'_>) -> Result<(), GpuError> {
        slots::check(slot, &data)?;
        let Some(place) = slot.place else { return Ok(()) };
        let (words, to, offset) = match (data, &session.pixels) {
            (InputData::Rgb8(bytes), Some(pixels)) => {
                self.by_pixels = true;
                (pixel_words(bytes), pixels.buffer(), 0)
            }
            _ => {
                let mut words = vec![0; (slot.ty.bytes() / 4) as usize];
                data.pack(slot.ty, &mut words);
                (words, &session.executable.buffers[place.buffer], place.offset)
            }
        };
        let from = buffer::filled(&session.executable.device, "an input", &words)?;
        self.copies.push((from, to.clone(), offset));
        Ok(())
    }

    fn buffer(
        &mut self,
        session: &Session,
        slot: &InputSlot,
        buffer: &wgpu::Buffer,
        offset: u64,
        layout: BufferLayout,
    ) -> Result<(), GpuError> {
        let (ty, device, what) = (slot.ty, &session.executable.device, format!("input \"{}\"", slot.name));
        let (sample, [per_pixel, per_channel]) = layout.strides(ty);
        if ty.dtype == DType::F16 {
            return refuse(&what, format!("{ty} is not made of a buffer of 32-bit values"));
        }
        if !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return refuse(&what, "the buffer was made without the usage STORAGE".to_owned());
        }
        let (alignment, needs) = (device.target().limits.alignment, sample * ty.shape.n as u64);
        if !offset.is_multiple_of(alignment) {
            return refuse(
                &what,
                format!("offset {offset} is no multiple of {alignment}, to which bindings are aligned"),
            );
        }
        let there = buffer.size().saturating_sub(offset);
        if there < needs {
            let reason =
                format!("{ty} in layout {layout:?} needs {needs} bytes, from offset {offset} there are {there}");
            return refuse(&what, reason);
        }
        let Some(place) = slot.place else { return Ok(()) };
        let count = ty.shape.h * ty.shape.w * ty.shape.c.div_ceil(4);
        let groups = count.div_ceil(64) as u32;
        let columns = groups.min(device.target().limits.max_workgroups);
        for n in 0..ty.shape.n {
            let x = Window::new(device, offset + n as u64 * sample, sample)?;
            let y = Window::sample(device, ty, place.offset, n)?;
            let sizes = [count, ty.shape.c, per_pixel, per_channel].map(|size| size as u32);
            let params = params(device, &[&sizes[..], &[x.base(4), y.base(16)]].concat())?;
            let call = load_buffer::call(load_buffer::Bindings {
                params: params.as_entire_binding(),
                x: x.of(buffer),
                y: y.of(&session.executable.buffers[place.buffer]),
            });
            self.commands.push(command(device, &what, call, [columns, groups.div_ceil(columns), 1])?);
        }
        Ok(())
    }

    fn pictures(&mut self, session: &Session, slot: &InputSlot, pictures: &[Picture<'_>]) -> Result<(), GpuError> {
        let (ty, what) = (slot.ty, format!("input \"{}\"", slot.name));
        let (Some(pixels), Some(place)) = (session.pixels.as_ref().filter(|_| slot.pixels), slot.place) else {
            let reason = "it was not told how: see Session::take_pixels";
            return Err(InputError::Pixels { name: slot.name.clone(), ty, reason }.into());
        };
        if pictures.len() != ty.shape.n {
            return refuse(&what, format!("{ty} needs {} pictures, got {}", ty.shape.n, pictures.len()));
        }
        for (n, picture) in pictures.iter().enumerate() {
            let what = format!("picture {n} of {what}");
            self.commands.push(load_picture(session, &what, ty, place, pixels, (n, picture))?);
        }
        Ok(())
    }
}

fn load_picture(
    session: &Session,
    what: &str,
    ty: TensorType,
    place: Place,
    pixels: &PixelInput,
    (sample, picture): (usize, &Picture<'_>),
) -> Result<Command, GpuError> {
    let (device, texture, [left, top, width, height]) = (&session.executable.device, picture.texture, picture.part);
    check_texture(what, texture, wgpu::TextureUsages::TEXTURE_BINDING)?;
    let srgb = decodes_srgb(what, texture)?;
    let within = |first: f32, len: f32, side: u32| first >= 0.0 && len > 0.0 && first + len <= side as f32 * 1.000_001;
    if !within(left, width, texture.width()) || !within(top, height, texture.height()) {
        let sides = format!("{}×{}", texture.width(), texture.height());
        return refuse(
            what,
            format!("the part {:?} (left, top, width, height) is not within {sides} texels", picture.part),
        );
    }
    let (shape, view) = (ty.shape, view(device, what, texture)?);
    let scale = [width / shape.w as f32, height / shape.h as f32];
    let y = Window::sample(device, ty, place.offset, sample)?;
    let sources: [u32; 3] = std::array::from_fn(|c| pixels.sources().get(c).map_or(0, |source| *source as u32));
    let [left, top, scale_x, scale_y] = [left, top, scale[0], scale[1]].map(f32::to_bits);
    let [red, green, blue] = sources;
    let (w, h, channels) = (shape.w as u32, shape.h as u32, shape.c as u32);
    let params = params(device, &[left, top, scale_x, scale_y, w, h, channels, srgb, red, green, blue, y.base(16)])?;
    let call = load_texture::call(load_texture::Bindings {
        params: params.as_entire_binding(),
        tables: pixels.tables().as_entire_binding(),
        picture: wgpu::BindingResource::TextureView(&view),
        y: y.of(&session.executable.buffers[place.buffer]),
    });
    command(device, what, call, [w.div_ceil(SIDE), h.div_ceil(SIDE), 1])
}

/// Bytes in words, the first in the lowest bits.
fn pixel_words(bytes: &[u8]) -> Vec<u32> {
    let word = |chunk: &[u8]| (0..4).fold(0, |word, i| word | u32::from(chunk.get(i).copied().unwrap_or(0)) << (8 * i));
    bytes.chunks(4).map(word).collect()
}
