//! A batch of samples, ready for upload.

use super::error::Result;
use super::options::LoaderOptions;
use atrous_vision::RgbImage;

/// Pictures of one size with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Which batch of its epoch this is, counted from 0. Reading goes on with the next.
    pub index: usize,
    /// The pictures: dense `[n, h, w, c]`, channels innermost.
    pub images: Vec<f32>,
    /// `[n, h, w, c]`, the same for every batch of a loader.
    pub shape: [usize; 4],
    /// One class a picture (`n`), or one a pixel (`n * h * w`), or the ignore label.
    pub labels: Vec<u32>,
    /// How many of the `n` pictures are samples. The others come last: they repeat these, and all of their labels are
    /// the ignore label.
    pub samples: usize,
}

/// Stacks at least one and at most `options.batch` samples, and fills up by repeating them.
pub(crate) fn stack(index: usize, samples: Vec<(RgbImage, Vec<u32>)>, options: &LoaderOptions) -> Result<Batch> {
    let (count, labels_each) = (samples.len(), samples[0].1.len());
    let (mut images, labels): (Vec<RgbImage>, Vec<Vec<u32>>) = samples.into_iter().unzip();
    for filler in count..options.batch {
        images.push(images[filler - count].clone());
    }
    let mut labels = labels.concat();
    labels.resize(options.batch * labels_each, options.ignore_label);
    let tensor = options.preprocess.run(&images)?;
    Ok(Batch { index, images: tensor.data, shape: tensor.shape, labels, samples: count })
}
