//! A batch of samples, ready for upload.

use super::error::Result;
use super::options::LoaderOptions;
use super::target::{LABELS, TargetSpec};
use atrous_gpu::Data;
use atrous_graph::Shape;
use atrous_vision::RgbImage;
use std::ops::Range;

/// Pictures of one size with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Number of the batch in its epoch, counted from 0.
    pub index: usize,
    /// The pictures: dense `[n, h, w, c]`, channels innermost.
    pub images: Vec<f32>,
    /// `[n, h, w, c]`. All batches of a loader have the same `h`, `w` and `c`; `n` is the number of samples, unless the batch was
    /// [filled](Self::filled).
    pub shape: [usize; 4],
    /// The targets of the dataset, in its order.
    pub targets: Vec<TargetBatch>,
    /// How many of the `n` pictures are samples. In a [filled](Self::filled) batch there are others behind them.
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

    /// The batch with `n` pictures, for plans of that size whose results do not mix samples, such as those of a validation: it repeats
    /// samples, with the ignore label in place of their labels and with [weights](Self::sample_weights) of 0. A training's plan does mix
    /// them in batch normalisations, whose statistics the repeated samples would change. A batch of `n` or more pictures is not changed.
    pub fn filled(mut self, n: usize, ignore_label: u32) -> Self {
        let own = self.shape[0];
        if n <= own {
            return self;
        }
        repeat(&mut self.images, own, n);
        for target in &mut self.targets {
            target.shape[0] = n;
            match &mut target.values {
                Data::F32(values) => repeat(values, own, n),
                Data::U32(labels) => labels.resize(labels.len() / own * n, ignore_label),
            }
        }
        self.shape[0] = n;
        self
    }

    /// The batch in parts of at most `most` pictures each, at least 1, in their order.
    pub fn parts(self, most: usize) -> Vec<Self> {
        let n = self.shape[0];
        if n <= most {
            return vec![self];
        }
        let part = |first: usize| {
            let pictures = first..n.min(first + most);
            let len = pictures.len();
            let target = |target: &TargetBatch| {
                let [_, h, w, c] = target.shape;
                let values = match &target.values {
                    Data::F32(values) => Data::F32(rows(values, n, &pictures).to_vec()),
                    Data::U32(values) => Data::U32(rows(values, n, &pictures).to_vec()),
                };
                TargetBatch { name: target.name.clone(), shape: [len, h, w, c], values }
            };
            let [_, h, w, c] = self.shape;
            Self {
                index: self.index,
                images: rows(&self.images, n, &pictures).to_vec(),
                shape: [len, h, w, c],
                targets: self.targets.iter().map(target).collect(),
                samples: self.samples.saturating_sub(first).min(len),
            }
        };
        (0..n).step_by(most).map(part).collect()
    }

    /// For each of the `n` pictures 1 if it is a sample, 0 if it fills the batch.
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

/// Makes a batch of these samples.
pub(crate) fn stack(
    index: usize,
    samples: Vec<Framed>,
    targets: &[TargetSpec],
    options: &LoaderOptions,
) -> Result<Batch> {
    let (images, values): (Vec<RgbImage>, Vec<Vec<Data>>) =
        samples.into_iter().map(|sample| (sample.image, sample.targets)).unzip();
    let tensor = options.preprocess.run(&images)?;
    let [n, h, w, c] = tensor.shape;
    let target = |(i, spec): (usize, &TargetSpec)| TargetBatch {
        name: spec.name.clone(),
        shape: spec.kind.tensor(Shape::new(n, h, w, c)).shape.dims(),
        values: concat(values.iter().map(|sample| &sample[i])),
    };
    let targets = targets.iter().enumerate().map(target).collect();
    Ok(Batch { index, images: tensor.data, shape: tensor.shape, targets, samples: n })
}

/// The values of these pictures of `n`.
fn rows<'a, T>(values: &'a [T], n: usize, pictures: &Range<usize>) -> &'a [T] {
    let len = values.len() / n;
    &values[pictures.start * len..pictures.end * len]
}

/// Repeats the values of `own` pictures from the first on until there are those of `n`.
fn repeat(values: &mut Vec<f32>, own: usize, n: usize) {
    for i in 0..values.len() / own * (n - own) {
        values.push(values[i]);
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
