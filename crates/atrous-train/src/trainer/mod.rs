//! Trains a network: epochs, validation, checkpoints, log, learning curve.

mod blame;
mod builder;
mod error;
mod evaluate;
mod fit;
mod flight;
mod graph;
mod lock;
mod memory;
mod options;
mod persist;
mod placed;
mod recover;
mod rescue;
mod resume;
mod run_folder;
mod safety;
mod settings;
mod submit;
mod way;

use std::sync::Arc;

use atrous_gpu::{Parameters, TrainingSession};
use atrous_nn::Model;

use crate::{checkpoint::TrainingState, curve::Curve, data::Loader, log::LogWriter};
use evaluate::Evaluator;
use placed::{Placed, Setup};
use safety::Safety;
use way::Way;

pub use builder::TrainerBuilder;
pub use error::TrainError;
pub use evaluate::Figures;
pub use fit::{Outcome, Reason};
pub use options::{TrainOptions, Watch};
pub use run_folder::{RunFolder, RunFolderError};
pub use way::OnOom;

/// A network in training.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use atrous_gpu::Device;
/// use atrous_nn::zoo::UNet;
/// use atrous_train::data::{Loader, LoaderOptions, MaskFolder, split_random};
/// use atrous_train::{TrainOptions, Trainer};
/// use atrous_vision::Preprocess;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let device = Device::from_env_blocking()?;
///     let classes = ["background", "cell", "border"].map(str::to_owned).to_vec();
///     let cells = MaskFolder::open("cells/images", "cells/masks", classes)?;
///     let (train, held_out) = split_random(Arc::new(cells), 0.2, 1)?;
///     let options = LoaderOptions::new(8, [128, 128], Preprocess::IMAGENET);
///     let train = Loader::new(Arc::new(train), LoaderOptions { shuffle: true, ..options })?;
///     let held_out = Loader::new(Arc::new(held_out), options)?;
///     let network = UNet { classes: 3, ..UNet::SMALL };
///     let options = TrainOptions { epochs: 20, run_folder: Some("runs/cells".into()), ..TrainOptions::default() };
///     let mut trainer = Trainer::builder(&device, network, train).validate(held_out).options(options).build()?;
///     let outcome = trainer.fit()?;
///     println!("{} steps, best validation loss {:?}", outcome.steps, outcome.best);
///     Ok(())
/// }
/// ```
pub struct Trainer {
    options: TrainOptions,
    setup: Setup,
    way: Way,
    placed: Placed,
    train: Loader,
    state: TrainingState,
    safety: Safety,
    folder: Option<RunFolder>,
    log: Option<LogWriter>,
    curve: Curve,
}

impl Trainer {
    /// The network in training mode; its graph includes loss and gradients.
    pub fn model(&self) -> &Model {
        &self.placed.step.model
    }

    /// The current parameters, which sessions for inference may share. They are others after the device was
    /// [opened again](atrous_gpu::Device::on_reopen).
    pub fn parameters(&self) -> &Arc<Parameters> {
        self.placed.session.parameters()
    }

    /// The session of the training step, with its plan, memory and counters.
    pub fn session(&self) -> &TrainingSession {
        &self.placed.session
    }

    /// The progress and settings of the training.
    pub fn state(&self) -> &TrainingState {
        &self.state
    }

    /// Validates with the current parameters; `None` without validation data. A device that is lost in the meantime, or lacks memory, is
    /// opened again as in [`fit`](Self::fit), for which a snapshot is taken first, unless [none](TrainOptions::snapshot_every) are wanted.
    ///
    /// # Errors
    /// [`TrainError::Data`], and those of the device: [`TrainError::Gpu`], [`TrainError::Memory`], [`TrainError::NotRecovered`].
    pub fn evaluate(&mut self) -> Result<Option<Figures>, TrainError> {
        if self.placed.evaluator.is_none() {
            return Ok(None);
        }
        let safe = self.options.snapshot_every.is_some();
        if safe {
            self.take_snapshot()?;
        }
        loop {
            match self.validate() {
                Err(error) if safe => self.recover(error)?,
                result => return result,
            }
        }
    }

    /// Validates with the current parameters, once.
    fn validate(&mut self) -> Result<Option<Figures>, TrainError> {
        self.safety.validating = true;
        let figures = self.placed.evaluator.as_mut().map(Evaluator::run).transpose()?;
        self.safety.validating = false;
        Ok(figures)
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("options", &self.options).field("state", &self.state).finish_non_exhaustive()
    }
}
