//! Sessions whose input is made of pictures' bytes.

use atrous_graph::DType;
use atrous_kernels::image::PIXEL_BYTES;

use crate::pixels::PixelInput;
use crate::{GpuError, InputError, Session};

impl Session {
    /// Lets an f32 input of one or three channels be given as [`InputData::Rgb8`](crate::InputData::Rgb8) and as
    /// [`Picture`](crate::Picture)s too. For each channel of the input, `tables` has the index of a pixel's byte (0 for red, 1 for
    /// green, 2 for blue) and the number for each value of that byte. One input of a session can take pixels; the last call counts.
    ///
    /// # Errors
    /// [`GpuError::Input`] if there is no such input, no output needs it, or its channels are not those of the tables;
    /// [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn take_pixels(&mut self, input: &str, tables: &[(usize, [f32; 256])]) -> Result<(), GpuError> {
        let Some(index) = self.executable.inputs.iter().position(|slot| slot.name == input) else {
            let available: Vec<&str> = self.executable.inputs.iter().map(|slot| slot.name.as_str()).collect();
            return Err(InputError::Unknown { name: input.to_owned(), available: available.join(", ") }.into());
        };
        let (ty, place) = (self.executable.inputs[index].ty, self.executable.inputs[index].place);
        let refuse = |reason| Err(InputError::Pixels { name: input.to_owned(), ty, reason }.into());
        let Some(place) = place else { return refuse("no output needs it") };
        if ty.dtype != DType::F32 || ty.shape.c != tables.len() || !matches!(tables.len(), 1 | PIXEL_BYTES) {
            return refuse("it needs one or three channels of f32, and a table for each");
        }
        if tables.iter().any(|(source, _)| *source >= PIXEL_BYTES) {
            return refuse("a pixel has three bytes");
        }
        let pixels = PixelInput::new(self.device(), ty, place, &self.executable.buffers[place.buffer], tables)?;
        self.executable.inputs.iter_mut().for_each(|slot| slot.pixels = false);
        self.executable.inputs[index].pixels = true;
        self.pixels = Some(pixels);
        Ok(())
    }

    /// Whether an input takes pixels.
    pub fn takes_pixels(&self) -> bool {
        self.pixels.is_some()
    }
}
