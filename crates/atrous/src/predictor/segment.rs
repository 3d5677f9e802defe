//! A photograph to a class per pixel.

use atrous_gpu::Output;
use atrous_graph::Shape;
use atrous_nn::zoo::Task;
use atrous_vision::{ClassMap, ImageTensor, RgbImage, argmax_classes};

use super::Predictor;
use crate::{Result, size};

impl Predictor {
    /// The likeliest class of every pixel, at the photograph's own size.
    ///
    /// The photograph is resized to the network's size (see [`PredictorOptions::size`](crate::PredictorOptions::size)), and the
    /// class map back without mixing classes. Where the result is smaller than the image, as of the original U-Net, it
    /// covers the whole photograph all the same: the border that is lost is made by mirroring.
    ///
    /// # Errors
    /// [`Error::Task`](crate::Error::Task) unless the network segments; [`Error::Vision`](crate::Error::Vision) for a photograph
    /// without pixels or more than 256 classes; those of [`Self::run`].
    pub async fn segment(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        let image = self.segmentation_input(photo)?;
        class_map(&self.run(&image).await?, photo)
    }

    /// [`Self::segment`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::segment`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn segment_blocking(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        let image = self.segmentation_input(photo)?;
        class_map(&self.run_blocking(&image)?, photo)
    }

    fn segmentation_input(&mut self, photo: &RgbImage) -> Result<ImageTensor> {
        self.check_task(Task::Segmentation, "segment")?;
        let (_, image) = self.fitted_to_segment(photo)?;
        Ok(self.preprocess().run(&[image])?)
    }

    /// A photograph at the size at which the network sees it, and the shape of the input.
    pub(super) fn fitted_to_segment(&mut self, photo: &RgbImage) -> Result<(Shape, RgbImage)> {
        let [h, w] = self.size.unwrap_or_else(|| size::like(self.info.size, photo));
        let shape = Shape::new(1, h, w, self.info.in_channels);
        let session = self.sessions.session(shape)?;
        let output = session.outputs().next().map_or([h, w], |(_, ty)| [ty.shape.h, ty.shape.w]);
        Ok((shape, size::fit(photo, [h, w], output)?))
    }
}

/// The class map of logits, at the size of `photo`.
fn class_map(logits: &Output, photo: &RgbImage) -> Result<ClassMap> {
    resized(logits, photo.dimensions())
}

/// The class map of logits, at this width and height.
pub(super) fn resized(logits: &Output, (width, height): (u32, u32)) -> Result<ClassMap> {
    let maps = argmax_classes(logits.f32()?, logits.shape.dims())?;
    Ok(maps[0].resize(width, height)?)
}
