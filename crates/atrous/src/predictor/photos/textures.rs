//! Runs on photographs in textures.

use atrous_gpu::{DeviceInput, Picture, Session, wgpu};
use atrous_graph::Shape;
use atrous_nn::Task;
use atrous_vision::Error as VisionError;

use super::classify::fit;
use super::{Predictor, size};
use crate::Result;

impl Predictor {
    /// Appends a run on photographs in textures to `encoder`, an encoder of [`Self::device`]. Nothing is submitted, and no data pass
    /// through the host. [`Picture`] says which textures are possible.
    ///
    /// The first of [`Session::outputs`] of the returned session is the logits of a classifier, or the class maps of a segmentation network
    /// at the size of its image (not resized to the photographs). [`Session::encode_overlay`] draws class maps over a photograph of any
    /// size. All photographs are resized to the network's size for the first one. Logits that are not finite are not detected.
    ///
    /// # Errors
    /// [`Error::Vision`](crate::Error::Vision) for an empty list, a size that would need a border, or a segmentation network whose output
    /// is smaller than its image; [`Error::Promise`](crate::Error::Promise); [`Error::Gpu`](crate::Error::Gpu) for the errors of
    /// [`Session::encode`], and if the network cannot be planned at this size.
    pub fn encode(&mut self, encoder: &mut wgpu::CommandEncoder, photos: &[&wgpu::Texture]) -> Result<&Session> {
        self.check_promise()?;
        let first = photos.first().ok_or(VisionError::EmptyBatch)?;
        let [h, w] = match (self.size, self.info.task) {
            (None, Task::Segmentation) => size::like(self.info.size, (first.width(), first.height())),
            (size, _) => size.unwrap_or(self.info.size),
        };
        let pictures: Vec<Picture<'_>> =
            photos.iter().map(|photo| self.picture(photo, [h, w])).collect::<Result<_>>()?;
        let (input, segments) = (self.input.clone(), self.info.task == Task::Segmentation);
        let session = self.seeing(Shape::new(photos.len(), h, w, self.info.in_channels))?;
        let seen = session.outputs().next().map_or([h, w], |(_, ty)| [ty.shape.h, ty.shape.w]);
        if segments && seen != [h, w] {
            return Err(bordered((first.width(), first.height()), [h, w]).into());
        }
        session.encode(encoder, &[(&input, DeviceInput::Pictures(&pictures))])?;
        Ok(session)
    }

    /// The part of a photograph that becomes the network's image of this height and width.
    fn picture<'t>(&self, texture: &'t wgpu::Texture, size: [usize; 2]) -> Result<Picture<'t>> {
        if self.info.task == Task::Segmentation {
            return Ok(texture.into());
        }
        let (width, height) = (texture.width(), texture.height());
        let part = fit(&self.info, Some(size)).part(width, height)?.ok_or_else(|| bordered((width, height), size))?;
        Ok(Picture { texture, part })
    }
}

/// The error for a photograph that would need a border around it.
fn bordered(from: (u32, u32), [h, w]: [usize; 2]) -> VisionError {
    let reason = "a texture gets no border".to_owned();
    VisionError::ImpossibleSize { action: "fit", from, to: (w as u64, h as u64), reason }
}
