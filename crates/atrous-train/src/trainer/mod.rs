//! Trains a network: epochs, validation, checkpoints, log, learning curve.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use atrous_gpu::Device;
//! use atrous_nn::zoo::UNet;
//! use atrous_train::data::{Loader, LoaderOptions, MaskFolder, split_random};
//! use atrous_train::{TrainOptions, Trainer};
//! use atrous_vision::Preprocess;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let device = Device::from_env_blocking()?;
//!     let classes = ["background", "cell", "border"].map(str::to_owned).to_vec();
//!     let cells = MaskFolder::open("cells/images", "cells/masks", classes)?;
//!     let (train, held_out) = split_random(Arc::new(cells), 0.2, 1)?;
//!     let options = LoaderOptions::new(8, [128, 128], Preprocess::IMAGENET);
//!     let train = Loader::new(Arc::new(train), LoaderOptions { shuffle: true, ..options })?;
//!     let held_out = Loader::new(Arc::new(held_out), options)?;
//!     let network = UNet { classes: 3, ..UNet::SMALL };
//!     let options = TrainOptions { epochs: 20, run_folder: Some("runs/cells".into()), ..TrainOptions::default() };
//!     let mut trainer = Trainer::new(&device, "unet", &network, None, train, Some(held_out), options)?;
//!     let outcome = trainer.fit()?;
//!     println!("{} steps, best validation loss {:?}", outcome.steps, outcome.best);
//!     Ok(())
//! }
//! ```

mod blame;
mod error;
mod evaluate;
mod fit;
mod flight;
mod graph;
mod memory;
mod objective;
mod options;
mod persist;
mod run_folder;

use std::sync::Arc;

use atrous_gpu::{Device, InputData, Parameters, TrainingSession};
use atrous_graph::{ParameterSource, optim::Training};
use atrous_nn::{DROPOUT_SEED, Init, Model, Network};

use crate::{
    Waiting,
    checkpoint::{ScaleState, TrainingState},
    curve::Curve,
    data::{Batch, Loader},
    log::LogWriter,
};
use evaluate::Evaluator;
use graph::{DataShape, StepGraph, step_graph};
use objective::{CLASS_WEIGHTS, LABELS};

pub use error::TrainError;
pub use evaluate::Figures;
pub use fit::{Outcome, Reason};
pub use objective::{Loss, LossPart};
pub use options::{OptionError, Part, TrainOptions, Watch};
pub use run_folder::{RunFolder, RunFolderError};

/// A network in training.
pub struct Trainer {
    options: TrainOptions,
    /// In training mode, with loss and gradients.
    model: Model,
    training: Training,
    session: TrainingSession,
    train: Loader,
    evaluator: Option<Evaluator>,
    state: TrainingState,
    folder: Option<RunFolder>,
    log: Option<LogWriter>,
    curve: Curve,
}

impl Trainer {
    /// Prepares a training of `network`, which is called `name`, on a device. The first parameters are those of `source`, or
    /// drawn as the network's framework does. The batch is that of the loaders; labels equal to their ignore label do not
    /// count. On a device that stores tensors in f16 ([`DeviceOptions::precision`](atrous_gpu::DeviceOptions::precision)) the loss is
    /// scaled ([`TrainOptions::loss_scaling`]). With [`TrainOptions::resume`] the training goes on where the run folder's last checkpoint stands.
    ///
    /// # Errors
    /// [`TrainError`]: options out of their ranges, a network whose result does not go with the labels, a training that does
    /// not fit the device's memory, a run folder in use, a checkpoint of another training.
    pub fn new(
        device: &Device,
        name: &str,
        network: &dyn Network,
        source: Option<&dyn ParameterSource>,
        train: Loader,
        validation: Option<Loader>,
        options: TrainOptions,
    ) -> Result<Self, TrainError> {
        let data = DataShape::of(&train);
        options.validate(data.classes)?;
        if let Some(validation) = &validation {
            data.check_validation(DataShape::of(validation))?;
        }
        let StepGraph { model, training } = step_graph(network, name, data, &options, device.options().precision)?;
        let folder = options.run_folder.as_ref().map(|path| RunFolder::open(path, options.resume)).transpose()?;
        let drawn = Init::new(&model, options.seed);
        let parameters = Arc::new(Parameters::upload(device, &model.graph, source.unwrap_or(&drawn))?);
        let session = TrainingSession::new(device, &model.graph, &[], &training, parameters.clone())
            .map_err(|error| memory::advise(error, device, (network, name), data, &options))?;
        let evaluator = |loader| Evaluator::new(device, name, network, loader, &options, parameters.clone());
        let evaluator = validation.map(evaluator).transpose()?;
        let state = TrainingState {
            network: name.to_owned(),
            input: data.images.dims(),
            step: 0,
            epoch: 0,
            batch: 0,
            loss_sum: 0.0,
            samples: 0,
            seed: options.seed,
            settings: persist::settings(&options, &train, training.loss_scale),
            loss_scale: training.loss_scale.map(|scale| ScaleState::new(scale.scaling)),
            lr: options.lr,
            schedule: options.schedule.clone(),
            best: None,
            waiting: Waiting::default(),
        };
        let mut trainer = Self {
            options,
            model,
            training,
            session,
            train,
            evaluator,
            state,
            folder,
            log: None,
            curve: Curve::default(),
        };
        trainer.take_up()?;
        Ok(trainer)
    }

    /// The network in training mode; its graph has loss and gradients, too.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The parameters as they are now. Sessions for inference may share them.
    pub fn parameters(&self) -> &Arc<Parameters> {
        self.session.parameters()
    }

    /// The step on the device: its plan, its memory, its counters.
    pub fn session(&self) -> &TrainingSession {
        &self.session
    }

    /// Where the training stands.
    pub fn state(&self) -> &TrainingState {
        &self.state
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("options", &self.options).field("state", &self.state).finish_non_exhaustive()
    }
}

/// What a step is given: pictures, labels, and what else the graph reads.
fn inputs<'a>(model: &'a Model, loss: &'a Loss, batch: &'a Batch, seed: &'a [u32]) -> Vec<(&'a str, InputData<'a>)> {
    let mut inputs = vec![
        (model.graph.node(model.input).name.as_str(), InputData::F32(&batch.images)),
        (LABELS, InputData::U32(&batch.labels)),
    ];
    if let Some(weights) = loss.class_weights() {
        inputs.push((CLASS_WEIGHTS, InputData::F32(weights)));
    }
    if model.graph.inputs().any(|(_, node)| node.name == DROPOUT_SEED) {
        inputs.push((DROPOUT_SEED, InputData::U32(seed)));
    }
    inputs
}
