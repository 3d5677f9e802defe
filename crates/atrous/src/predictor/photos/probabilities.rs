//! The probability of each class at each pixel of photographs.

use atrous_gpu::{Flight, InputData, Outputs, Session};
use atrous_graph::op::Unary;
use atrous_graph::{GraphError, NodeId, Op, Shape};
use atrous_nn::{Model, Task};
use atrous_vision::{Error as VisionError, ImageTensor, RgbImage};

use super::{seeing, size};
use crate::Result;
use crate::predictor::Predictor;
use crate::predictor::maps::{check_sums, sums};

impl Predictor {
    /// The probability of every class at every pixel: `N×H×W×C` for `N` photographs of one size `H×W`, as a dense tensor.
    ///
    /// It is the softmax of the logits, or for a network with a single class the sigmoid of its logit. Photographs are resized as in
    /// [`Self::segment`]; the probabilities are resized to the photograph's size by bilinear interpolation, so that those of a pixel
    /// still sum to 1.
    ///
    /// # Errors
    /// [`Error::Task`](crate::Error::Task) unless the network segments, [`Error::Promise`](crate::Error::Promise) if its output has not
    /// the shape that its info states; [`Error::Vision`](crate::Error::Vision) for an empty list, and for photographs without pixels or of
    /// different sizes; [`Error::NotFinite`](crate::Error::NotFinite); the errors of [`Self::run`].
    pub async fn probabilities(&mut self, photos: &[RgbImage]) -> Result<ImageTensor> {
        loop {
            let ended = self.probabilities_once(photos).await;
            if !self.revives(&ended).await? {
                return ended;
            }
        }
    }

    async fn probabilities_once(&mut self, photos: &[RgbImage]) -> Result<ImageTensor> {
        let (session, flight) = self.begin_probabilities(photos)?;
        let outputs = session.finish(flight).await?;
        self.finite(of_size(&outputs, photos))
    }

    /// [`Self::probabilities`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::probabilities`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn probabilities_blocking(&mut self, photos: &[RgbImage]) -> Result<ImageTensor> {
        self.surviving(|this| {
            let (session, flight) = this.begin_probabilities(photos)?;
            let outputs = session.finish_blocking(flight)?;
            this.finite(of_size(&outputs, photos))
        })
    }

    fn begin_probabilities(&mut self, photos: &[RgbImage]) -> Result<(&mut Session, Flight)> {
        self.check_task(Task::Segmentation, "give probabilities of pixels")?;
        let first = photos.first().ok_or(VisionError::EmptyBatch)?;
        if let Some((index, other)) = photos.iter().enumerate().find(|(_, p)| p.dimensions() != first.dimensions()) {
            let (first, got) = (first.dimensions(), other.dimensions());
            return Err(VisionError::BatchSizes { index, first, got }.into());
        }
        let shape = Shape { n: photos.len(), ..self.shape_to_segment(first) };
        let (input, preprocess) = (self.input.clone(), self.preprocess());
        let parameters = self.sessions.parameters().clone();
        let sessions = self.probabilities.get_or_insert_with(|| self.recipe.sessions_over(parameters, outputs));
        let session = seeing(sessions, &input, preprocess, shape)?;
        let output = session.outputs().next().map_or([shape.h, shape.w], |(_, ty)| [ty.shape.h, ty.shape.w]);
        let mut bytes = Vec::with_capacity(shape.n * shape.h * shape.w * 3);
        for photo in photos {
            bytes.extend_from_slice(&size::fit(photo, [shape.h, shape.w], output)?);
        }
        let flight = session.begin(&[(&input, InputData::Rgb8(&bytes))])?;
        Ok((session, flight))
    }
}

const PROBABILITIES: &str = "probabilities";

fn outputs(model: &mut Model) -> Result<Vec<NodeId>, GraphError> {
    let logits = model.output();
    let op = if model.output_shape().c == 1 { Op::Unary(Unary::Sigmoid) } else { Op::Softmax };
    Ok(vec![model.graph.add(PROBABILITIES, op, &[logits])?, sums(model)?])
}

/// Resizes a run's probabilities to the size of its photographs.
fn of_size(outputs: &Outputs, photos: &[RgbImage]) -> Result<ImageTensor> {
    check_sums(outputs)?;
    let output = outputs.get(PROBABILITIES)?;
    let (width, height) = photos.first().map_or((0, 0), RgbImage::dimensions);
    let map = ImageTensor { shape: output.shape.dims(), data: output.f32()?.to_vec() };
    Ok(map.resize_bilinear(height as usize, width as usize)?)
}
