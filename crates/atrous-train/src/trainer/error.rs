//! Errors of trainings.

use std::path::PathBuf;

use atrous_gpu::GpuError;
use atrous_graph::GraphError;
use atrous_io::{BadValues, SaveError, WeightsError};

use super::RunFolderError;
use crate::{
    OptionError, checkpoint::CheckpointError, context::ObjectiveError, curve::CurveError, data::DataError,
    log::LogError, step::StepError,
};

/// Why a training cannot begin or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option is out of range.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The zoo has no such network.
    #[error(transparent)]
    Network(#[from] atrous_nn::zoo::ZooError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The training step cannot be built, such as for an objective that does not fit, or an unknown part of the network.
    #[error(transparent)]
    Step(Box<StepError>),
    /// A batch that is not full cannot be trained on, such as a last batch of one sample in a network that normalises over one value per
    /// channel and sample.
    #[error(
        "a batch of {n}, such as an epoch's last one, cannot be trained on as those of {full} are: {source}; leave it out with drop_last, or choose another batch size"
    )]
    BatchSize {
        /// Samples in the batch.
        n: usize,
        /// Samples in a full batch.
        full: usize,
        /// Why.
        source: Box<TrainError>,
    },
    /// The training step does not fit into the device's memory, or its budget.
    #[error("{source}; {}", advice(source, .fits))]
    Memory {
        /// What did not fit.
        source: Box<GpuError>,
        /// Changes with which the step would fit into the budget, or where the device does not tell what it has, need less; with their
        /// bytes.
        fits: Vec<(String, u64)>,
    },
    /// The host cannot provide the memory that the training needs beside the device's.
    #[error(
        "the host has no {} bytes of memory, {checkpoint} for a checkpoint and {ahead} for batches read ahead; a smaller batch, or fewer of \
         them ahead, need less",
        checkpoint + ahead
    )]
    HostMemory {
        /// Bytes of a checkpoint.
        checkpoint: u64,
        /// Bytes of the batches that are read ahead.
        ahead: u64,
    },
    /// An error of the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The objective or a metric does not fit the network or the validation data.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    /// Training and validation data have different targets.
    #[error("the validation data have {got}, the training data {needs}")]
    Validation {
        /// What the training data have.
        needs: String,
        /// What the validation data have.
        got: String,
    },
    /// Loss or gradient became infinite or NaN. The step changed neither parameters nor checkpoints.
    #[error("step {step}: loss {loss:?}, gradient norm {gradient_norm:?}; {}", blame(.node.as_deref()))]
    NotFinite {
        /// The step, counted from 1.
        step: u64,
        /// Loss of the step.
        loss: f32,
        /// Norm of the step's gradient.
        gradient_norm: f32,
        /// The first node whose values are not finite, in the order of computation.
        node: Option<String>,
    },
    /// The loss is finite, but its gradient is not, even with the smallest loss scale. The step changed neither parameters nor checkpoints.
    #[error("step {step}: the gradient is not finite even with a loss scale of {loss_scale:e}; {}", blame(.node.as_deref()))]
    LossScale {
        /// The step, counted from 1.
        step: u64,
        /// Loss scale of the step.
        loss_scale: f32,
        /// The first node whose values are not finite, in the order of computation.
        node: Option<String>,
    },
    /// An update left values of a parameter that are not finite, or a running variance that is negative, such as at a learning rate that is
    /// much too high. Neither checkpoints nor weights were overwritten.
    #[error("after step {step}, {bad}: the training has diverged, and this state is not saved")]
    Diverged {
        /// Updates done.
        step: u64,
        /// The first parameter with such values.
        bad: Box<BadValues>,
    },
    /// The device was lost or lacked memory, and the training cannot go on with another.
    #[error("{error}; and the training cannot go on from its last snapshot: {recovery}")]
    NotRecovered {
        /// The error of the device.
        error: Box<TrainError>,
        /// Why it cannot go on.
        recovery: Box<TrainError>,
    },
    /// An error that is not the device's ended the training, and its state was saved first: a resumed training repeats
    /// nothing.
    #[error("{error}; the state after step {step} is saved in {}", atrous_files::shown(checkpoint))]
    Saved {
        /// Why the training ended.
        error: Box<TrainError>,
        /// Updates done.
        step: u64,
        /// The checkpoint that the training can be resumed from.
        checkpoint: PathBuf,
    },
    /// An error that is not the device's ended the training, and its state could not be saved. An earlier checkpoint
    /// was not changed.
    #[error("{error}; and the state after step {step} cannot be saved: {save}")]
    NotSaved {
        /// Why the training ended.
        error: Box<TrainError>,
        /// Updates done.
        step: u64,
        /// Why the state cannot be saved.
        save: Box<TrainError>,
    },
    /// The run folder cannot be used.
    #[error(transparent)]
    RunFolder(#[from] RunFolderError),
    /// A checkpoint cannot be written, read, or resumed from.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The initial weights cannot be read, or belong to another network.
    #[error(transparent)]
    Weights(Box<WeightsError>),
    /// The weights of the best state cannot be written.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The log cannot be written or read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The learning curve cannot be drawn or written.
    #[error(transparent)]
    Curve(#[from] CurveError),
}

impl TrainError {
    /// Why the training ended, whether or not its state was saved: the error within [`TrainError::Saved`],
    /// [`TrainError::NotSaved`] and [`TrainError::NotRecovered`], the error itself otherwise.
    pub fn reason(&self) -> &Self {
        match self {
            Self::Saved { error, .. } | Self::NotSaved { error, .. } | Self::NotRecovered { error, .. } => {
                error.reason()
            }
            error => error,
        }
    }
}

impl From<StepError> for TrainError {
    fn from(error: StepError) -> Self {
        Self::Step(Box::new(error))
    }
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Weights(Box::new(error))
    }
}

fn advice(error: &GpuError, fits: &[(String, u64)]) -> String {
    let options: Vec<String> = fits.iter().map(|(what, bytes)| format!("{what} ({bytes} bytes)")).collect();
    match error {
        _ if options.is_empty() => "not even one sample with most computed again fits".to_owned(),
        GpuError::MemoryBudget { .. } => format!("what would fit: {}", options.join(", or ")),
        _ => format!("what would need less: {}", options.join(", or ")),
    }
}

fn blame(node: Option<&str>) -> String {
    match node {
        Some(node) => format!("the first values that are not finite are those of \"{node}\""),
        None => "all nodes are finite when they are computed again".to_owned(),
    }
}
