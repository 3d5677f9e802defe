//! A photograph to a class per pixel.

use atrous_gpu::{Flight, Outputs};
use atrous_graph::Shape;
use atrous_nn::Task;
use atrous_vision::{ClassMap, RgbImage};

use super::{Predictor, size};
use crate::Result;
use crate::predictor::maps::{MAP, SUMS};

impl Predictor {
    /// The likeliest class of every pixel, at the photograph's own size.
    ///
    /// The photograph is resized to the network's size (see [`PredictorOptions::size`](crate::PredictorOptions::size)), and the
    /// class map back without mixing classes. Where the result is smaller than the image, as of the original U-Net, it
    /// covers the whole photograph all the same: the border that is lost is made by mirroring.
    ///
    /// # Errors
    /// [`Error::Task`](crate::Error::Task) unless the network segments; [`Error::Vision`](crate::Error::Vision) for a photograph
    /// without pixels, more than 256 classes, or logits that are no numbers; those of [`Self::run`].
    pub async fn segment(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        let (shape, flight) = self.begin_segment(photo)?;
        class_map(&self.answers().session(shape)?.finish(flight).await?, photo.dimensions())
    }

    /// [`Self::segment`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::segment`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn segment_blocking(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        let (shape, flight) = self.begin_segment(photo)?;
        class_map(&self.answers().session(shape)?.finish_blocking(flight)?, photo.dimensions())
    }

    fn begin_segment(&mut self, photo: &RgbImage) -> Result<(Shape, Flight)> {
        self.check_segments()?;
        let (shape, image) = self.fitted_to_segment(photo)?;
        Ok((shape, self.begin(shape, &image)?))
    }

    /// Whether this network gives class maps.
    pub(super) fn check_segments(&self) -> Result<()> {
        self.check_task(Task::Segmentation, "segment")?;
        match self.info.classes {
            1..=256 => Ok(()),
            classes => Err(atrous_vision::Error::ClassCount { classes }.into()),
        }
    }

    /// A photograph at the size at which the network sees it, and the shape of the input.
    pub(super) fn fitted_to_segment(&mut self, photo: &RgbImage) -> Result<(Shape, RgbImage)> {
        let [h, w] = self.size.unwrap_or_else(|| size::like(self.info.size, photo));
        let shape = Shape::new(1, h, w, self.info.in_channels);
        let session = self.answers().session(shape)?;
        let output = session.outputs().next().map_or([h, w], |(_, ty)| [ty.shape.h, ty.shape.w]);
        Ok((shape, size::fit(photo, [h, w], output)?))
    }
}

/// A session's class map, at this width and height.
pub(super) fn class_map(outputs: &Outputs, (width, height): (u32, u32)) -> Result<ClassMap> {
    if let Some((index, &value)) = outputs.f32(SUMS)?.iter().enumerate().find(|(_, sum)| !sum.is_finite()) {
        return Err(atrous_vision::Error::NotFinite { what: "sum of logits", index, value }.into());
    }
    let map = outputs.get(MAP)?;
    let classes = map.u32()?.iter().map(|class| *class as u8).collect();
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(ClassMap::new(side(map.shape.w), side(map.shape.h), classes)?.resize(width, height)?)
}
