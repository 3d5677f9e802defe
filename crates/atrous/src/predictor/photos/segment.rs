//! Segmentation of a photograph: a class per pixel.

use atrous_gpu::Outputs;
use atrous_graph::Shape;
use atrous_nn::Task;
use atrous_vision::{ClassMap, RgbImage};

use super::{Predictor, size};
use crate::Result;
use crate::predictor::maps::{MAP, check_sums};

impl Predictor {
    /// The likeliest class of every pixel, at the photograph's size.
    ///
    /// The photograph is resized to the network's size (see [`PredictorOptions::size`](crate::PredictorOptions::size)), and the
    /// class map is resized back by nearest neighbours. If the network's output is smaller than its image, as in the original U-Net, the
    /// photograph is extended by mirroring so that the class map still covers all of it.
    ///
    /// # Errors
    /// [`Error::Task`](crate::Error::Task) unless the network segments, [`Error::Promise`](crate::Error::Promise) if its output has not
    /// the shape that its info states; [`Error::Vision`](crate::Error::Vision) for a photograph without pixels or more than 256 classes;
    /// [`Error::NotFinite`](crate::Error::NotFinite); the errors of [`Self::run`].
    pub async fn segment(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        self.check_segments()?;
        loop {
            let ended = self.segment_once(photo).await;
            if !self.revives(&ended).await? {
                return ended;
            }
        }
    }

    async fn segment_once(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        let (shape, bytes) = self.fitted_to_segment(photo)?;
        let (session, flight) = self.begin(shape, &bytes)?;
        let outputs = session.finish(flight).await?;
        self.finite(class_map(&outputs, photo.dimensions()))
    }

    /// [`Self::segment`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::segment`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn segment_blocking(&mut self, photo: &RgbImage) -> Result<ClassMap> {
        self.check_segments()?;
        self.surviving(|this| {
            let (shape, bytes) = this.fitted_to_segment(photo)?;
            let (session, flight) = this.begin(shape, &bytes)?;
            let outputs = session.finish_blocking(flight)?;
            this.finite(class_map(&outputs, photo.dimensions()))
        })
    }

    /// Checks that this network can return class maps.
    pub(super) fn check_segments(&self) -> Result<()> {
        self.check_task(Task::Segmentation, "segment")?;
        match self.info.classes {
            1..=256 => Ok(()),
            classes => Err(atrous_vision::Error::ClassCount { classes }.into()),
        }
    }

    /// The shape of the network's image for a photograph.
    pub(super) fn shape_to_segment(&self, photo: &RgbImage) -> Shape {
        let [h, w] = self.size.unwrap_or_else(|| size::like(self.info.size, photo.dimensions()));
        Shape::new(1, h, w, self.info.in_channels)
    }

    /// The bytes of a photograph at the network's size, and the shape of its image.
    pub(super) fn fitted_to_segment(&mut self, photo: &RgbImage) -> Result<(Shape, Vec<u8>)> {
        let shape = self.shape_to_segment(photo);
        let input = [shape.h, shape.w];
        let session = self.seeing(shape)?;
        let output = session.outputs().next().map_or(input, |(_, ty)| [ty.shape.h, ty.shape.w]);
        Ok((shape, size::fit(photo, input, output)?.into_raw()))
    }
}

/// Resizes a run's class map to this width and height.
pub(super) fn class_map(outputs: &Outputs, (width, height): (u32, u32)) -> Result<ClassMap> {
    check_sums(outputs)?;
    let map = outputs.get(MAP)?;
    let classes = map.u32()?.iter().map(|class| *class as u8).collect();
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(ClassMap::new(side(map.shape.w), side(map.shape.h), classes)?.resize(width, height)?)
}
