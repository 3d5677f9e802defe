//! Validation: loss and metrics, summed up on the device.

use std::{collections::BTreeMap, sync::Arc};

use atrous_gpu::{Device, GpuError, Outputs, Parameters, StepOptions, TrainingSession};
use atrous_graph::{
    NodeId,
    optim::{Optimizer, Training},
};
use atrous_nn::{Model, Network};

use super::{
    Loss, TrainError, TrainOptions, Trainer, Watch,
    graph::{DataShape, EvaluationGraph, evaluation_graph},
    inputs,
};
use crate::{
    data::{Loader, Task},
    metrics::Confusion,
};

/// Largest count that is exact in f32.
const EXACT: usize = 1 << 24;

/// A forward pass over validation data.
pub(super) struct Evaluator {
    loader: Loader,
    model: Model,
    session: TrainingSession,
    loss: Loss,
    /// Names of the totals: sum of losses, labels that count, of them in the top k, confusion matrix.
    names: [String; 4],
    k: usize,
    /// Batches after which the totals are taken, so that they stay exact.
    batches: usize,
}

/// What a validation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Mean loss over all labels that count; `None` if there are none.
    pub loss: Option<f64>,
    /// Of samples, or of pixels.
    pub confusion: Confusion,
    /// Fraction of labels among the k largest logits; `None` if there are no labels.
    pub top_k: Option<f64>,
    /// That k.
    pub k: usize,
    /// Whether pixels are classified, not whole pictures.
    pub task: Task,
}

impl Figures {
    /// The metrics by name: `accuracy`, and of segmentations `mean_iou` and `mean_class_accuracy`; of classifications, where
    /// there are more than k classes, `top_k` with the number.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let confusion = &self.confusion;
        let mut all = vec![("accuracy".to_owned(), confusion.accuracy())];
        match self.task {
            Task::Segmentation => {
                all.push(("mean_iou".to_owned(), confusion.mean_iou()));
                all.push(("mean_class_accuracy".to_owned(), confusion.mean_class_accuracy()));
            }
            Task::Classification if self.k > 1 && self.k < confusion.classes() => {
                all.push((format!("top_{}", self.k), self.top_k));
            }
            Task::Classification => {}
        }
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Intersection over union of each class of a segmentation; empty for classifications.
    pub fn class_iou(&self) -> Vec<Option<f64>> {
        match self.task {
            Task::Segmentation => self.confusion.iou(),
            Task::Classification => Vec::new(),
        }
    }

    /// The value that decides which state is the best.
    pub fn watched(&self, watch: Watch) -> Option<f64> {
        match watch {
            Watch::Loss => self.loss,
            Watch::Accuracy => self.confusion.accuracy(),
            Watch::MeanIou => self.confusion.mean_iou(),
        }
    }
}

impl Trainer {
    /// Runs over the validation data with the parameters as they are; `None` if there are no such data.
    ///
    /// # Errors
    /// [`TrainError::Data`], [`TrainError::Gpu`].
    pub fn evaluate(&mut self) -> Result<Option<Figures>, TrainError> {
        self.evaluator.as_mut().map(Evaluator::run).transpose()
    }
}

impl Evaluator {
    pub(super) fn new(
        device: &Device,
        name: &str,
        network: &dyn Network,
        loader: Loader,
        options: &TrainOptions,
        parameters: Arc<Parameters>,
    ) -> Result<Self, TrainError> {
        let data = DataShape::of(&loader);
        let EvaluationGraph { model, loss_sum, count, top_k, confusion } =
            evaluation_graph(network, name, data, options)?;
        let totals = [loss_sum, count, top_k, confusion];
        let sums = Training {
            loss: loss_sum,
            gradients: Vec::new(),
            assignments: Vec::new(),
            optimizer: Optimizer::sgd(0.0),
            groups: Vec::new(),
            clip_norm: None,
            accumulate: false,
            loss_scale: None,
            totals: totals.to_vec(),
        };
        let session = TrainingSession::new(device, &model.graph, &[], &sums, parameters)?;
        let names = totals.map(|id: NodeId| model.graph.node(id).name.clone());
        let batches = (EXACT / data.labels.len()).max(1);
        Ok(Self { loader, session, loss: options.loss.clone(), names, k: options.top_k, batches, model })
    }

    fn run(&mut self) -> Result<Figures, TrainError> {
        let classes = self.loader.dataset().class_names().len();
        // What a run that failed has left.
        self.session.finish_blocking()?;
        self.session.totals_blocking()?;
        let mut sums = Sums { loss: 0.0, count: 0.0, top_k: 0.0, confusion: vec![0; classes * classes] };
        for (i, batch) in self.loader.epoch(0, 0).enumerate() {
            let batch = batch?;
            let inputs = inputs(&self.model, &self.loss, &batch, &[0]);
            self.session.step_blocking(&inputs, StepOptions::new(0.0, 1))?;
            if (i + 1).is_multiple_of(self.batches) {
                sums.add(&self.session.totals_blocking()?, &self.names)?;
            }
        }
        self.session.finish_blocking()?;
        sums.add(&self.session.totals_blocking()?, &self.names)?;
        let mean = |sum: f64| (sums.count > 0.0).then(|| sum / sums.count);
        Ok(Figures {
            loss: mean(sums.loss),
            top_k: mean(sums.top_k),
            confusion: Confusion::from_counts(classes, sums.confusion).expect("as many counts as pairs of classes"),
            k: self.k,
            task: self.loader.dataset().task(),
        })
    }
}

/// Totals of totals.
struct Sums {
    loss: f64,
    count: f64,
    top_k: f64,
    confusion: Vec<u64>,
}

impl Sums {
    fn add(&mut self, totals: &Outputs, [loss, count, top_k, confusion]: &[String; 4]) -> Result<(), GpuError> {
        let one = |name: &str| Ok::<f64, GpuError>(totals.f32(name)?.iter().map(|v| f64::from(*v)).sum());
        self.loss += one(loss)?;
        self.count += one(count)?;
        self.top_k += one(top_k)?;
        for (sum, value) in self.confusion.iter_mut().zip(totals.f32(confusion)?) {
            *sum += *value as u64;
        }
        Ok(())
    }
}
