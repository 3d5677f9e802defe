//! The builder of trainings.

use std::sync::Arc;

use atrous_gpu::{Device, Parameters};
use atrous_graph::ParameterSource;
use atrous_io::Weights;
use atrous_nn::{IntoNetwork, Network, zoo::ZooError};

use super::{
    RunFolder, TrainError, TrainOptions, Trainer, graph::DataShape, memory, persist::file_sizes, placed::Setup, resume,
    safety::Safety, settings, way::Way,
};
use crate::{
    Waiting,
    checkpoint::{Computation, ScaleState, TrainingState},
    curve::Curve,
    data::{DataIdentity, Loader, PictureSet},
    metrics::Metric,
    objective::{Loss, Objective},
    step::TrainingStep,
};

/// The description of a training, made by [`Trainer::builder`].
pub struct TrainerBuilder<'a> {
    device: &'a Device,
    network: Result<Arc<dyn Network>, ZooError>,
    name: Option<String>,
    objective: Box<dyn Objective>,
    weights: Option<Weights>,
    train: Loader,
    validation: Option<Loader>,
    metrics: Vec<Box<dyn Metric>>,
    options: TrainOptions,
}

impl Trainer {
    /// Describes the training of a network, given by value, shared or by its name in the zoo, on a device and these data. By default the
    /// objective is cross-entropy with the target [`LABELS`](crate::data::LABELS), and there is no validation. The network must have the
    /// number of classes of the labels, see [`Network::with_classes`].
    pub fn builder(device: &Device, network: impl IntoNetwork, train: Loader) -> TrainerBuilder<'_> {
        TrainerBuilder {
            device,
            network: network.into_network(),
            name: None,
            objective: Box::new(Loss::default()),
            weights: None,
            train,
            validation: None,
            metrics: Vec::new(),
            options: TrainOptions::default(),
        }
    }
}

impl TrainerBuilder<'_> {
    /// The name in checkpoints and messages; by default that of the [network](Network::name).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The objective: a [`Loss`] of class labels, another objective of [`crate::objective`], or the caller's own.
    pub fn objective(mut self, objective: impl Objective + 'static) -> Self {
        self.objective = Box::new(objective);
        self
    }

    /// The initial parameters. By default they are random, by the rules of the network's framework and the options' seed. A training that
    /// is resumed takes all parameters from its checkpoint and does not read these.
    pub fn weights(mut self, weights: &Weights) -> Self {
        self.weights = Some(weights.clone());
        self
    }

    /// The validation data. They must have the targets of the training data; batch and size may differ.
    pub fn validate(mut self, validation: impl Into<Option<Loader>>) -> Self {
        self.validation = validation.into();
        self
    }

    /// Adds a metric to the validations, beside those of the objective.
    pub fn metric(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// The options of the training.
    pub fn options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }

    /// Prepares the training. The batch size is that of the loaders; labels equal to their ignore label do not count.
    /// On a device that stores tensors in f16 ([`DeviceOptions::precision`](atrous_gpu::DeviceOptions::precision)) the
    /// loss is scaled ([`TrainOptions::loss_scaling`]). With [`TrainOptions::resume`] the training continues from the
    /// last checkpoint in the run folder, if it is one of the same training: of the same computation, with the same
    /// data and settings.
    ///
    /// # Errors
    /// [`TrainError`] for an unknown name in the zoo, options out of range, an objective that does not fit the network
    /// or the data, weights of another network, a training that does not fit the device's memory, a run folder in use
    /// or on a disk that its files would fill, and a checkpoint of another training. A run folder that was created for
    /// the training is then removed.
    pub fn build(self) -> Result<Trainer, TrainError> {
        let Self { device, network, name, objective, weights, train, validation, mut metrics, options } = self;
        let network = network?;
        let name = name.unwrap_or_else(|| network.name());
        let data = DataShape::of(&train);
        options.validate()?;
        if let Some(validation) = &validation {
            data.check_validation(&DataShape::of(validation))?;
        }
        metrics.splice(0..0, objective.metrics(&data.targets));
        options.check_metrics(&metrics, validation.is_some())?;
        let validated = validation.as_ref().map_or(0, |loader| loader.options().batch);
        let setup = Setup { network, name, objective, data, validation, validated, metrics: metrics.into() };
        let precision = device.options().precision;
        let asked = setup.asked(&options);
        let whole = setup.step(asked.batch, &asked, &options, precision)?;
        let rest = train.rest();
        if let Some(n) = rest {
            setup.step(n, &asked, &options, precision)?;
        }
        let folder = options.run_folder.as_ref().map(|path| RunFolder::open(path, options.resume)).transpose()?;
        let state = first_state(&whole, &setup, &options, &train, folder.is_some());
        // All checks are made before kernels are compiled, which may take long.
        let found = |folder: &RunFolder| resume::checkpoint(folder, &whole, &state, &options, &train);
        let checkpoint = folder.as_ref().map(found).transpose()?.flatten();
        let (bytes, weight_bytes) = file_sizes(&whole);
        folder.as_ref().map_or(Ok(()), |folder| folder.check_space(bytes, weight_bytes))?;
        let on_host = folder.is_some() || options.snapshot_every.is_some();
        memory::check_host(if on_host { bytes } else { 0 }, &train)?;
        setup.check_validation()?;
        let weights = weights.filter(|_| checkpoint.is_none()).unwrap_or(Weights::Init(options.seed));
        let upload = |source: &dyn ParameterSource| Parameters::upload(device, &whole.model.graph, source);
        let uploaded = weights.with(&whole.model, upload)?;
        let parameters = Arc::new(uploaded.map_err(|error| setup.advise(error, device, &options))?);
        let adapted = checkpoint.as_ref().and_then(|checkpoint| checkpoint.state.adapted.clone());
        let way = Way::first(asked, adapted, options.on_oom);
        let (placed, way) = setup.place_fitting(way, &options, &parameters)?;
        let (curve, safety) = (Curve::default(), Safety::default());
        let mut trainer = Trainer { options, setup, way, placed, train, state, safety, folder, log: None, curve };
        if let Some(rest) = trainer.rest() {
            trainer.prepare(rest)?;
        }
        trainer.take_up(checkpoint)?;
        Ok(trainer)
    }
}

/// The state of a training before its first step; where checkpoints are kept, with what its data and its computation are known by.
fn first_state(
    step: &TrainingStep,
    setup: &Setup,
    options: &TrainOptions,
    train: &Loader,
    kept: bool,
) -> TrainingState {
    let identity = |loader: &Loader| kept.then(|| DataIdentity::of(&**loader.dataset()));
    TrainingState {
        network: step.model.name.clone(),
        input: step.model.input_shape().dims(),
        targets: Some(step.given.signature()),
        classes: Some(train.dataset().class_names().to_vec()),
        watch: Some(format!("{:?}", options.watch)),
        computation: kept.then(|| computation(step)),
        data: identity(train),
        validation: setup.validation.as_ref().and_then(identity),
        held_out: setup.validation.as_ref().filter(|_| kept).map(|loader| PictureSet::of(&**loader.dataset())),
        changed_data: false,
        adapted: None,
        step: 0,
        epoch: 0,
        batch: 0,
        loss_sum: 0.0,
        samples: 0,
        seed: options.seed,
        settings: settings::settings(&*setup.objective, options, train, step.training.loss_scale),
        loss_scale: step.training.loss_scale.map(|scale| ScaleState::new(scale.scaling)),
        lr: options.lr,
        schedule: options.schedule.clone(),
        best: None,
        waiting: Waiting::default(),
    }
}

/// What a step computes: the loss, and the new running statistics.
fn computation(step: &TrainingStep) -> Computation {
    let statistics = step.training.assignments.iter().map(|(_, value)| *value);
    let results: Vec<_> = [step.training.loss].into_iter().chain(statistics).collect();
    Computation::of(&step.model.graph, &results)
}
