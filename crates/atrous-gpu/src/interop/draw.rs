//! Outputs into textures.

use atrous_graph::DType;
use atrous_shaders::interop::{overlay, store_texture};

use super::bind::{Window, check_texture, command, decodes_srgb, params, refuse, view};
use crate::buffer;
use crate::command::Command;
use crate::interop_kernels::SIDE;
use crate::slots::OutputSlot;
use crate::{GpuError, Session};

/// Colours of classes over a picture, see [`Session::encode_overlay`].
#[derive(Clone, Copy, Debug)]
pub struct Overlay<'a> {
    /// The picture: a texture as [`Picture`](super::Picture) takes it.
    pub picture: &'a wgpu::Texture,
    /// Where the result goes: a texture of the same size, `Rgba8Unorm` with the usage `STORAGE_BINDING`. It is not the picture.
    pub target: &'a wgpu::Texture,
    /// Red, green and blue of each class. Pixels of further classes keep the picture's colour.
    pub colours: &'a [[u8; 3]],
    /// Share of the colour, from 0 (the picture alone) to 1 (the colour alone).
    pub alpha: f32,
}

impl Session {
    /// Appends to `encoder` the command that writes one channel of one sample of an output into a texture, without conversion. The
    /// texture is a plain 2D one of any size with the usage `STORAGE_BINDING`, its format `R32Uint` for an output of u32, such as a
    /// class map, and `R32Float` for one of f32. Each texel takes the value under its centre.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`]; [`GpuError::Resource`] for a sample or channel that does not exist, and a texture that cannot be
    /// used; [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn encode_texture(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        output: &str,
        (sample, channel): (usize, usize),
        target: &wgpu::Texture,
    ) -> Result<(), GpuError> {
        let (slot, what) = (self.output_slot(output)?, format!("a texture for output \"{output}\""));
        let (float, format) = match slot.ty.dtype {
            DType::U32 => (false, wgpu::TextureFormat::R32Uint),
            DType::F32 => (true, wgpu::TextureFormat::R32Float),
            DType::F16 => return refuse(&what, "f16 is not written into textures".to_owned()),
        };
        check_texture(&what, target, wgpu::TextureUsages::STORAGE_BINDING)?;
        check_format(&what, target, format)?;
        let source = Source::new(self, &what, slot, (sample, channel))?;
        let device = &self.executable.device;
        let (params, view) = (params(device, &source.params)?, view(device, &what, target)?);
        let call = store_texture::call(
            store_texture::Axes { float },
            store_texture::Bindings {
                params: params.as_entire_binding(),
                x: source.binding,
                result: wgpu::BindingResource::TextureView(&view),
            },
        );
        self.append(encoder, &command(device, &what, call, grid(target))?)
    }

    /// Appends to `encoder` the command that draws a class map's colours over a picture: in bytes,
    /// `(1 - alpha) * pixel + alpha * colour`, rounded.
    /// The map is a sample of an output of u32 with one channel; each texel takes the class under its centre.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`]; [`GpuError::Resource`] for an output that is no class map, a sample that does not exist, textures that
    /// cannot be used or differ in size, and an alpha outside of 0 to 1; [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn encode_overlay(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        output: &str,
        sample: usize,
        overlay: &Overlay<'_>,
    ) -> Result<(), GpuError> {
        let (slot, what) = (self.output_slot(output)?, format!("an overlay of output \"{output}\""));
        let Overlay { picture, target, colours, alpha } = *overlay;
        if slot.ty.dtype != DType::U32 || slot.ty.shape.c != 1 {
            return refuse(&what, format!("{} is no map of classes", slot.ty));
        }
        if !(0.0..=1.0).contains(&alpha) {
            return refuse(&what, format!("alpha must be within 0 and 1, got {alpha}"));
        }
        check_texture(&what, picture, wgpu::TextureUsages::TEXTURE_BINDING)?;
        let srgb = decodes_srgb(&what, picture)?;
        check_texture(&what, target, wgpu::TextureUsages::STORAGE_BINDING)?;
        check_format(&what, target, wgpu::TextureFormat::Rgba8Unorm)?;
        if picture == target {
            return refuse(&what, "the target is the picture itself".to_owned());
        }
        let [from, to] = [picture, target].map(|texture| (texture.width(), texture.height()));
        if from != to {
            return refuse(
                &what,
                format!("the picture has {}×{} texels, the target {}×{}", from.0, from.1, to.0, to.1),
            );
        }
        let source = Source::new(self, &what, slot, (sample, 0))?;
        let mut words: Vec<u32> = colours.iter().map(|[r, g, b]| u32::from_le_bytes([*r, *g, *b, 0])).collect();
        words.resize(words.len().max(1), 0);
        let device = &self.executable.device;
        let sizes = [&source.params[..], &[srgb, colours.len() as u32, alpha.to_bits(), 0]].concat();
        let (params, palette) = (params(device, &sizes)?, buffer::filled(device, "a palette", &words)?);
        let [picture, result] = [view(device, &what, picture)?, view(device, &what, target)?];
        let call = overlay::call(overlay::Bindings {
            params: params.as_entire_binding(),
            classes: source.binding,
            palette: palette.as_entire_binding(),
            picture: wgpu::BindingResource::TextureView(&picture),
            result: wgpu::BindingResource::TextureView(&result),
        });
        self.append(encoder, &command(device, &what, call, grid(target))?)
    }

    fn append(&self, encoder: &mut wgpu::CommandEncoder, command: &Command) -> Result<(), GpuError> {
        self.executable.device.scope("encoding a result", || {
            command.encode(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        })
    }
}

/// One channel of one sample of an output.
struct Source<'s> {
    binding: wgpu::BindingResource<'s>,
    /// Width, height, index of the first value, distance from pixel to pixel in values.
    params: [u32; 4],
}

impl<'s> Source<'s> {
    fn new(
        session: &'s Session,
        what: &str,
        slot: &OutputSlot,
        (sample, channel): (usize, usize),
    ) -> Result<Self, GpuError> {
        let (ty, place) = (slot.ty, slot.place);
        if sample >= ty.shape.n || channel >= ty.shape.c {
            return refuse(what, format!("{ty} has no channel {channel} of sample {sample}"));
        }
        let window = Window::sample(&session.executable.device, ty, place.offset, sample)?;
        let [w, h, stride] = [ty.shape.w, ty.shape.h, ty.shape.c.next_multiple_of(4)].map(|size| size as u32);
        let params = [w, h, window.base(4) + channel as u32, stride];
        Ok(Self { binding: window.of(&session.executable.buffers[place.buffer]), params })
    }
}

fn check_format(what: &str, texture: &wgpu::Texture, needs: wgpu::TextureFormat) -> Result<(), GpuError> {
    match texture.format() == needs {
        true => Ok(()),
        false => refuse(what, format!("it needs the format {needs:?}, got {:?}", texture.format())),
    }
}

/// Workgroups for all texels.
fn grid(texture: &wgpu::Texture) -> [u32; 3] {
    [texture.width().div_ceil(SIDE), texture.height().div_ceil(SIDE), 1]
}
