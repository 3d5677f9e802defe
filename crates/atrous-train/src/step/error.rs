//! What can be wrong with a training step.

use atrous_gpu::GpuError;
use atrous_graph::GraphError;
use atrous_io::WeightsError;
use atrous_nn::ModelError;

use crate::OptionError;
use crate::objective::ObjectiveError;

/// Why there is no training step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Numbers that make no sense.
    #[error(transparent)]
    Options(#[from] OptionError),
    /// The objective does not go with the network or the data.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    /// A part of the network that is to be frozen or to have its own learning rate is not there.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network or its loss cannot be differentiated.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The graph is one for inference: its batch normalisations would use statistics that nothing computes.
    #[error("{network} is built for inference; to be trained it is built with Mode::Training")]
    Inference {
        /// The network's name.
        network: String,
    },
    /// All parameters are frozen.
    #[error("{network} has no parameter that is trained: all are frozen, or the loss depends on none")]
    NothingToTrain {
        /// The network's name.
        network: String,
    },
    /// The first weights cannot be read, or are those of another network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// An error of the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}
