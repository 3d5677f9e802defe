//! Batches that are not full are trained on as batches of their size: as by PyTorch, whose loaders do not fill them.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId, Shape, optim::Optimizer};
use atrous_io::Weights;
use atrous_nn::{
    Builder, Built, Info, Mode, Network,
    layers::{Conv, Norm},
};
use atrous_train::{
    Loss, Train, TrainError, TrainOptions, Trainer,
    checkpoint::{Checkpoint, NamedTensor},
    data::{DataError, Dataset, Loader, LoaderOptions, OnBroken, Sample, Subset, TargetSpec, digits},
};
use atrous_vision::Preprocess;

use crate::common::{bits, device, options};

/// Convolution, batch normalisation and a head, without dropout.
#[derive(Clone, Copy, Debug)]
struct Plain;

impl Network for Plain {
    fn info(&self) -> Info {
        Info::classification(10)
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("stem", x, Conv::new(8, 3).padding(1))?;
        let y = b.batch_norm("norm", y, Norm::TORCH)?;
        let y = b.relu("relu", y)?;
        let y = b.global_avg_pool("pool", y)?;
        Ok(b.linear("head", y, 10, true)?.into())
    }
}

/// Normalises what is left of each channel after pooling: one value a sample.
#[derive(Clone, Copy, Debug)]
struct Pooled;

impl Network for Pooled {
    fn info(&self) -> Info {
        Info::classification(10)
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("stem", x, Conv::new(8, 3).padding(1))?;
        let y = b.global_avg_pool("pool", y)?;
        let y = b.batch_norm("norm", y, Norm::TORCH)?;
        Ok(b.linear("head", y, 10, true)?.into())
    }
}

fn loader(samples: impl IntoIterator<Item = usize>, batch: usize) -> Loader {
    let subset = Subset::new(Arc::new(digits()), samples.into_iter().collect()).unwrap();
    Loader::new(Arc::new(subset), LoaderOptions::new(batch, [8, 8], Preprocess::TF)).unwrap()
}

fn sgd(momentum: f64, accumulate: u64) -> TrainOptions {
    let optimizer = Optimizer::sgd(momentum);
    TrainOptions { optimizer, epochs: 1, weight_decay: 0.0, accumulate, ..options(None) }
}

/// One epoch from these weights on.
fn trained(data: Loader, weights: &Weights, options: TrainOptions) -> Checkpoint {
    let device = device();
    let mut trainer = Trainer::builder(&device, Plain, data).weights(weights).options(options).build().unwrap();
    trainer.fit().unwrap();
    trainer.checkpoint().unwrap()
}

fn weights(checkpoint: &Checkpoint) -> Weights {
    let tensor = |t: &NamedTensor| (t.name.clone(), t.shape.clone(), t.values.clone());
    Weights::tensors(checkpoint.parameters.iter().map(tensor))
}

#[test]
fn the_last_batch_of_an_epoch_is_one_of_its_size() {
    let first = Weights::Init(3);
    for rest in [2, 1] {
        let whole = trained(loader(0..8 + rest, 4), &first, sgd(0.0, 1));
        let before = trained(loader(0..8, 4), &first, sgd(0.0, 1));
        let after = trained(loader(8..8 + rest, rest), &weights(&before), sgd(0.0, 1));
        // All bits, running statistics included.
        assert_eq!(bits(&whole), bits(&after), "a rest of {rest}");
        assert_eq!((whole.state.step, before.state.step), (3, 2));
    }
}

/// Both sizes have one optimizer state, and one sum of gradients for an update of several batches.
#[test]
fn steps_of_all_sizes_share_the_state() {
    let first = Weights::Init(3);
    let lr = f64::from(options(None).lr as f32);
    let values = |checkpoint: &Checkpoint| -> Vec<f64> {
        let trained = checkpoint.parameters.iter().filter(|t| !t.name.contains("running"));
        trained.flat_map(|t| t.values.iter().map(|v| f64::from(*v))).collect()
    };
    let assert_close = |got: &[f64], want: &[f64]| {
        let off = got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        assert!(got.len() == want.len() && off < 1e-6, "off by {off:e}");
    };

    let before = trained(loader(0..8, 4), &first, sgd(0.9, 1));
    let momentum: Vec<f64> = before.optimizer.iter().flat_map(|t| t.values.iter().map(|v| f64::from(*v))).collect();
    let from = values(&before);
    let alone = values(&trained(loader(8..10, 2), &weights(&before), sgd(0.0, 1)));
    let want: Vec<f64> = alone.iter().zip(&momentum).map(|(alone, momentum)| alone - lr * 0.9 * momentum).collect();
    assert_close(&values(&trained(loader(0..10, 4), &first, sgd(0.9, 1))), &want);
    assert!(from.iter().zip(&want).any(|(from, want)| (from - want).abs() > 1e-4));

    // Frozen at a rate of zero: the first parameters.
    let zero = TrainOptions { lr: 1e-30, ..sgd(0.0, 1) };
    let from = values(&trained(loader(0..4, 4), &first, zero));
    let each = [0..4, 4..8, 8..10].map(|part| values(&trained(loader(part.clone(), part.len()), &first, sgd(0.0, 1))));
    let mean = |i: usize| from[i] + each.iter().map(|one| one[i] - from[i]).sum::<f64>() / 3.0;
    let want: Vec<f64> = (0..from.len()).map(mean).collect();
    assert_close(&values(&trained(loader(0..10, 4), &first, sgd(0.0, 3))), &want);
}

#[test]
fn a_last_batch_that_cannot_be_normalised_is_refused_before_anything_is_compiled() {
    let device = device();
    let build = |data: Loader| Trainer::builder(&device, Pooled, data).options(sgd(0.0, 1)).build();
    let error = build(loader(0..5, 4)).unwrap_err();
    assert!(matches!(error, TrainError::BatchSize { n: 1, full: 4, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("drop_last") && text.contains("\"norm\""), "{text}");
    assert_eq!(device.compiled_pipelines(), 0);
    build(loader(0..6, 4)).unwrap();
}

/// Fewer samples than a batch has make a batch of that size.
#[test]
fn a_data_set_smaller_than_a_batch() {
    let first = Weights::Init(3);
    assert_eq!(
        bits(&trained(loader(0..3, 16), &first, sgd(0.9, 1))),
        bits(&trained(loader(0..3, 3), &first, sgd(0.9, 1)))
    );
}

#[test]
fn a_loop_of_ones_own_is_told_what_to_do_with_the_last_batch() {
    let device = device();
    let model = Plain.build("plain", Shape::new(4, 8, 8, 3), Mode::Training).unwrap();
    let mut session = model.training(Loss::default()).session(&device).unwrap();
    let last = loader(0..6, 4).epoch(0, 1).next().unwrap().unwrap();
    let error = session.batch_blocking(&last, 0.01).unwrap_err().to_string();
    assert!(error.contains("4 samples, got 2") && error.contains("drop_last"), "{error}");
    session.batch_blocking(&last.filled(4, 255), 0.01).unwrap();
    assert!(session.finish_blocking().unwrap().unwrap().applied);
}

/// Digits of which the sixth cannot be read.
struct Broken(Subset);

impl Dataset for Broken {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn targets(&self) -> Vec<TargetSpec> {
        self.0.targets()
    }

    fn class_names(&self) -> &[String] {
        self.0.class_names()
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        match index {
            5 => Err(DataError::DamagedMask { path: "5".to_owned(), reason: "as asked".to_owned() }),
            index => self.0.get(index),
        }
    }

    fn describe(&self, index: usize) -> String {
        self.0.describe(index)
    }
}

/// The update before is complete when the step of the other size turns out to be impossible.
#[test]
fn a_batch_that_skipped_samples_leave_too_small_loses_no_update() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let data = Broken(Subset::new(Arc::new(digits()), (0..6).collect()).unwrap());
    let skip = LoaderOptions { on_broken: OnBroken::Skip, ..LoaderOptions::new(2, [8, 8], Preprocess::TF) };
    let data = Loader::new(Arc::new(data), skip).unwrap();
    let options = TrainOptions { run_folder: Some(folder.path().to_owned()), ..sgd(0.9, 1) };
    let mut trainer =
        Trainer::builder(&device, Pooled, data).weights(&Weights::Init(3)).options(options).build().unwrap();
    let error = trainer.fit().unwrap_err();
    assert!(matches!(error.reason(), TrainError::BatchSize { n: 1, full: 2, .. }), "{error}");
    let saved = Checkpoint::load(folder.path().join("last.checkpoint")).unwrap();
    let mut whole = Trainer::builder(&device, Pooled, loader(0..4, 2))
        .weights(&Weights::Init(3))
        .options(sgd(0.9, 1))
        .build()
        .unwrap();
    whole.fit().unwrap();
    assert_eq!((saved.state.step, bits(&saved)), (2, bits(&whole.checkpoint().unwrap())));
}
