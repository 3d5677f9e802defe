//! A batch of samples, ready for upload.

use super::error::Result;
use super::options::LoaderOptions;
use super::target::{LABELS, TargetSpec};
use atrous_gpu::Data;
use atrous_graph::Shape;
use atrous_vision::RgbImage;

/// Pictures of one size with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Number of the batch in its epoch, counted from 0.
    pub index: usize,
    /// The pictures: dense `[n, h, w, c]`, channels innermost.
    pub images: Vec<f32>,
    /// `[n, h, w, c]`, the same for every batch of a loader.
    pub shape: [usize; 4],
    /// The targets of the dataset, in its order.
    pub targets: Vec<TargetBatch>,
    /// How many of the `n` pictures are samples. The others come last and pad the batch: they repeat samples and their targets, but all
    /// of their labels are the ignore label.
    pub samples: usize,
}

/// One target of all samples of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetBatch {
    /// Name of the target in the dataset.
    pub name: String,
    /// `[n, h, w, c]`, see [`TargetKind`](super::TargetKind).
    pub shape: [usize; 4],
    /// Dense, channels innermost.
    pub values: Data,
}

impl Batch {
    /// The target of this name.
    pub fn target(&self, name: &str) -> Option<&TargetBatch> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// The values of the target called [`LABELS`]: a class or the ignore label for each picture (`n` values) or each pixel (`n * h * w`
    /// values). Empty if there is no such target.
    pub fn labels(&self) -> &[u32] {
        match self.target(LABELS) {
            Some(TargetBatch { values: Data::U32(labels), .. }) => labels,
            _ => &[],
        }
    }

    /// For each of the `n` pictures 1 if it is a sample, 0 if it pads the batch.
    pub fn sample_weights(&self) -> Vec<f32> {
        let mut weights = vec![1.0; self.shape[0]];
        weights[self.samples..].fill(0.0);
        weights
    }
}

/// A sample as a picture of the batch's size and the values of its targets.
pub(crate) struct Framed {
    pub(crate) image: RgbImage,
    pub(crate) targets: Vec<Data>,
}

/// Makes a batch of 1 to `options.batch` samples, padded by repeating them.
pub(crate) fn stack(
    index: usize,
    samples: Vec<Framed>,
    targets: &[TargetSpec],
    options: &LoaderOptions,
) -> Result<Batch> {
    let count = samples.len();
    let (mut images, mut values): (Vec<RgbImage>, Vec<Vec<Data>>) =
        samples.into_iter().map(|sample| (sample.image, sample.targets)).unzip();
    for filler in count..options.batch {
        images.push(images[filler - count].clone());
        values.push(values[filler - count].iter().map(|data| unlabelled(data, options.ignore_label)).collect());
    }
    let tensor = options.preprocess.run(&images)?;
    let [n, h, w, c] = tensor.shape;
    let target = |(i, spec): (usize, &TargetSpec)| TargetBatch {
        name: spec.name.clone(),
        shape: spec.kind.tensor(Shape::new(n, h, w, c)).shape.dims(),
        values: concat(values.iter().map(|sample| &sample[i])),
    };
    let targets = targets.iter().enumerate().map(target).collect();
    Ok(Batch { index, images: tensor.data, shape: tensor.shape, targets, samples: count })
}

/// The target of a picture that pads a batch: labels become the ignore label, other values are kept.
fn unlabelled(data: &Data, ignore: u32) -> Data {
    match data {
        Data::U32(labels) => Data::U32(vec![ignore; labels.len()]),
        Data::F32(values) => Data::F32(values.clone()),
    }
}

/// The values of one target of all samples, which have the same type.
fn concat<'a>(samples: impl Iterator<Item = &'a Data>) -> Data {
    let (mut floats, mut labels) = (Vec::new(), Vec::new());
    for data in samples {
        match data {
            Data::F32(values) => floats.extend_from_slice(values),
            Data::U32(values) => labels.extend_from_slice(values),
        }
    }
    if floats.is_empty() { Data::U32(labels) } else { Data::F32(floats) }
}
