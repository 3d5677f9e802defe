//! Classification of photographs.

use atrous_gpu::{Flight, Output, Session};
use atrous_graph::Shape;
use atrous_nn::{Info, Task};
use atrous_vision::{Filter, Fit, Prediction, RgbImage, classify};

use super::Predictor;
use crate::Result;
use crate::predictor::only;

impl Predictor {
    /// The `k` likeliest classes of each photograph, best first. Photographs of any size are brought to the network's size by its
    /// framework's rule: resizing the shorter side and cropping the centre (torchvision, timm), or resizing both sides (Keras).
    ///
    /// # Errors
    /// [`Error::Task`](crate::Error::Task) unless the network is a classifier, [`Error::Promise`](crate::Error::Promise) if its
    /// output has not the shape that its info states; [`Error::Vision`](crate::Error::Vision) for an empty list, an impossible size, or a
    /// `k` of zero or above the number of classes; [`Error::NotFinite`](crate::Error::NotFinite); the errors of [`Self::run`].
    pub async fn classify(&mut self, photos: &[RgbImage], k: usize) -> Result<Vec<Vec<Prediction>>> {
        loop {
            let ended = self.classify_once(photos, k).await;
            if !self.revives(&ended).await? {
                return ended;
            }
        }
    }

    async fn classify_once(&mut self, photos: &[RgbImage], k: usize) -> Result<Vec<Vec<Prediction>>> {
        let (session, flight) = self.begin_classify(photos, k)?;
        let logits = only(session.finish(flight).await?)?;
        self.finite(best(logits, k))
    }

    /// [`Self::classify`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::classify`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify_blocking(&mut self, photos: &[RgbImage], k: usize) -> Result<Vec<Vec<Prediction>>> {
        self.surviving(|this| {
            let (session, flight) = this.begin_classify(photos, k)?;
            let logits = only(session.finish_blocking(flight)?)?;
            this.finite(best(logits, k))
        })
    }

    /// Checks that this network can return the `k` best classes.
    pub(super) fn check_classifier(&self, k: usize) -> Result<()> {
        self.check_task(Task::Classification, "classify")?;
        let classes = self.info.classes;
        match k == 0 || k > classes {
            true => Err(atrous_vision::Error::BadK { k, classes }.into()),
            false => Ok(()),
        }
    }

    fn begin_classify(&mut self, photos: &[RgbImage], k: usize) -> Result<(&mut Session, Flight)> {
        self.check_classifier(k)?;
        let (mut shape, mut bytes) = (None, Vec::new());
        for photo in photos {
            let (of, image) = self.fitted_to_classify(photo, photos.len())?;
            shape = Some(of);
            bytes.extend_from_slice(&image);
        }
        let shape = shape.ok_or(atrous_vision::Error::EmptyBatch)?;
        self.begin(shape, &bytes)
    }

    /// A photograph at the network's size, and the shape of a batch of them.
    pub(super) fn fitted_to_classify(&self, photo: &RgbImage, batch: usize) -> Result<(Shape, RgbImage)> {
        let image = fit(&self.info, self.size).apply(photo, Filter::Bilinear)?;
        Ok((Shape::new(batch, image.height() as usize, image.width() as usize, self.info.in_channels), image))
    }
}

/// The rule that brings photographs to the network's size. For a size other than the default, the length to which the shorter side is
/// resized before the crop is scaled in proportion.
pub(super) fn fit(info: &Info, size: Option<[usize; 2]>) -> Fit {
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let [h, w] = size.unwrap_or(info.size);
    let (width, height) = (side(w), side(h));
    match info.shorter_side {
        Some(shorter) => {
            let scaled = (shorter * h.max(w)).div_ceil(info.size[0].max(info.size[1]).max(1));
            Fit::ShorterSideCrop { side: side(scaled), width, height }
        }
        None => Fit::Stretch { width, height },
    }
}

/// The best classes of each row of logits.
fn best(logits: Output, k: usize) -> Result<Vec<Vec<Prediction>>> {
    let rows = logits.f32()?.chunks(logits.shape.sample_len().max(1));
    Ok(rows.map(|row| classify(row, k)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use atrous_nn::zoo;

    use super::*;

    #[test]
    fn the_shorter_side_follows_the_size() {
        let info = zoo::network("resnet50").expect("a known name").info();
        assert_eq!(fit(&info, None), Fit::ShorterSideCrop { side: 256, width: 224, height: 224 });
        assert_eq!(fit(&info, Some([448, 448])), Fit::ShorterSideCrop { side: 512, width: 448, height: 448 });
        let keras = zoo::network("keras_xception").expect("a known name").info();
        assert_eq!(fit(&keras, None), Fit::Stretch { width: 299, height: 299 });
    }
}
