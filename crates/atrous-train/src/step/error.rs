//! Errors of training steps.

use atrous_gpu::GpuError;
use atrous_graph::GraphError;
use atrous_io::WeightsError;
use atrous_nn::ModelError;

use crate::OptionError;
use crate::context::ObjectiveError;

/// Why a training step cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// An option is out of range.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The objective does not fit the network or the data.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    /// The network has no part of a name that is frozen or has its own learning rate.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network or its loss cannot be differentiated.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The graph was built for inference, so that it does not compute statistics of batches.
    #[error("{network} is built for inference; to be trained it is built with Mode::Training")]
    Inference {
        /// The network's name.
        network: String,
    },
    /// No parameter is trained.
    #[error("{network} has no parameter that is trained: all are frozen, or the loss depends on none")]
    NothingToTrain {
        /// The network's name.
        network: String,
    },
    /// The initial weights cannot be read, or belong to another network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// An error of the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}
