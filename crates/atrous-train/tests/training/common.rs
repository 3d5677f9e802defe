//! What the tests share: a device, tiny networks with everything that a training has to get right, little data.

use std::{path::Path, sync::Arc};

use atrous_gpu::Device;
use atrous_graph::{GraphError, NodeId, optim::Optimizer};
use atrous_nn::{
    Builder, Built, Info, Network, Normalize, Task,
    layers::{Conv, Norm},
};
use atrous_train::{
    Show, TrainError, TrainOptions, Trainer, TrainerBuilder,
    checkpoint::{Checkpoint, NamedTensor},
    data::{Augment, Dataset, Loader, LoaderOptions, Shapes, Subset, digits},
};
use atrous_vision::Preprocess;

/// The device the environment asks for.
pub(crate) fn device() -> Device {
    Device::from_env_blocking().expect("the tests need an adapter")
}

/// Convolution, batch normalisation, dropout, and a head per pixel or per picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiny {
    pub(crate) task: Task,
    pub(crate) classes: usize,
    pub(crate) width: usize,
}

impl Tiny {
    pub(crate) const PIXELS: Self = Self { task: Task::Segmentation, classes: 4, width: 8 };
    pub(crate) const PICTURES: Self = Self { task: Task::Classification, classes: 10, width: 8 };
}

impl Network for Tiny {
    fn info(&self) -> Info {
        let (size, normalize) = ([16, 16], Normalize::HALF);
        Info { task: self.task, size, shorter_side: None, in_channels: 3, classes: self.classes, normalize }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("stem", x, Conv::new(self.width, 3).padding(1))?;
        let y = b.batch_norm("norm", y, Norm::TORCH)?;
        let y = b.relu("relu", y)?;
        let y = b.dropout("dropout", y, 0.1)?;
        let y = match self.task {
            Task::Segmentation => b.conv2d("head", y, Conv::new(self.classes, 1).bias())?,
            Task::Classification => {
                let y = b.global_avg_pool("pool", y)?;
                b.linear("head", y, self.classes, true)?
            }
        };
        Ok(y.into())
    }
}

/// `samples` pictures of shapes, 16×16, in shuffled batches of 4 with random changes.
pub(crate) fn shapes(samples: usize) -> Loader {
    let augment = Augment { horizontal_flip: 0.5, brightness: 0.2, ..Augment::NONE };
    let options = LoaderOptions { shuffle: true, seed: 7, augment, threads: 2, ..loader_options([16, 16]) };
    Loader::new(Arc::new(Shapes::new(samples, [16, 16], 1).unwrap()), options).unwrap()
}

/// Other pictures of shapes, as they are; the last batch is not full.
pub(crate) fn unseen_shapes() -> Loader {
    Loader::new(Arc::new(Shapes::new(6, [16, 16], 2).unwrap()), loader_options([16, 16])).unwrap()
}

/// The first digits, 8×8.
pub(crate) fn few_digits(samples: usize) -> Loader {
    let all: Arc<dyn Dataset> = Arc::new(digits());
    let subset = Subset::new(all, (0..samples).collect()).unwrap();
    Loader::new(Arc::new(subset), loader_options([8, 8])).unwrap()
}

fn loader_options(size: [usize; 2]) -> LoaderOptions {
    LoaderOptions { threads: 1, ahead: 2, ..LoaderOptions::new(4, size, Preprocess::TF) }
}

/// Two epochs of SGD with momentum, silent.
pub(crate) fn options(folder: Option<&Path>) -> TrainOptions {
    TrainOptions {
        epochs: 2,
        optimizer: Optimizer::sgd(0.9),
        lr: 0.05,
        weight_decay: 1e-4,
        seed: 3,
        run_folder: folder.map(Path::to_owned),
        show: Show::Nothing,
        ..TrainOptions::default()
    }
}

/// A training of [`Tiny::PIXELS`] on ten pictures of shapes: three batches an epoch, the last not full.
pub(crate) fn pixels(device: &Device, options: TrainOptions) -> Result<Trainer, TrainError> {
    of_pixels(device, options).build()
}

/// The same in the making.
pub(crate) fn of_pixels(device: &Device, options: TrainOptions) -> TrainerBuilder<'_> {
    Trainer::builder(device, Tiny::PIXELS, shapes(10)).name("tiny").validate(unseen_shapes()).options(options)
}

/// Names and bits of all tensors of a checkpoint.
pub(crate) fn bits(checkpoint: &Checkpoint) -> Vec<(String, Vec<u32>)> {
    let bits = |t: &NamedTensor| (t.name.clone(), t.values.iter().map(|v| v.to_bits()).collect());
    checkpoint.parameters.iter().chain(&checkpoint.optimizer).map(bits).collect()
}
