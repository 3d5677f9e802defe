//! Errors of this crate.

use atrous_nn::Task;

/// Result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of this crate and of the crates below it, whose messages it passes on.
///
/// ```
/// use atrous::{Error, nn::zoo};
///
/// fn size_of(name: &str) -> Result<[usize; 2], Error> {
///     Ok(zoo::network(name)?.info().size)
/// }
///
/// assert_eq!(size_of("resnet50").unwrap(), [224, 224]);
/// let error = size_of("resnet5O").unwrap_err();
/// assert!(matches!(error, Error::Zoo(_)) && error.to_string().contains("resnet50"), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zoo has no such network, or cannot build it at this size.
    #[error(transparent)]
    Zoo(#[from] atrous_nn::zoo::ZooError),
    /// A graph cannot be built, or has no node of a name asked for.
    #[error(transparent)]
    Graph(#[from] atrous_graph::GraphError),
    /// A graph cannot be planned within the adapter's limits.
    #[error(transparent)]
    Plan(#[from] atrous_kernels::PlanError),
    /// There is no device, or it failed.
    #[error(transparent)]
    Gpu(#[from] atrous_gpu::GpuError),
    /// The weights cannot be read, or do not fit the network.
    #[error(transparent)]
    Weights(#[from] atrous_io::WeightsError),
    /// The device was lost, and the weights that would be uploaded to a new one are not those that the predictor was made with.
    #[error("the device was lost, and the weights of {model} have changed since they were read: make a new predictor")]
    WeightsChanged {
        /// The network's name.
        model: String,
    },
    /// A picture cannot be read, brought to size or written.
    #[error(transparent)]
    Vision(#[from] atrous_vision::Error),
    /// A model has no part of that name.
    #[error(transparent)]
    Model(#[from] atrous_nn::ModelError),
    /// Training data cannot be read.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Data(Box<atrous_train::data::DataError>),
    /// A training step cannot be described.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Step(Box<atrous_train::step::StepError>),
    /// A training cannot begin, or failed.
    #[cfg(all(feature = "train", not(target_arch = "wasm32")))]
    #[error(transparent)]
    Train(Box<atrous_train::TrainError>),
    /// An error of one photograph of a stream.
    #[error("photograph {index}: {source}")]
    Photo {
        /// The photograph's position, counted from 0.
        index: usize,
        /// The error of this photograph, or of the batch whose first photograph it is.
        source: Box<Error>,
    },
    /// A network's results are not all finite. With [`DeviceOptions::finite`](atrous_gpu::DeviceOptions::finite) the error is
    /// [`GpuError::NotFinite`](atrous_gpu::GpuError::NotFinite) in place of this one, which names the node.
    #[error(
        "{model} gives results that are not finite ({source}): look for damage in its weights, and if tensors are stored in f16 \
         (`ATROUS_PRECISION`, `DeviceOptions::precision`) for values beyond 65504, which f32 holds; ATROUS_FINITE=1 names the first node"
    )]
    NotFinite {
        /// The network's name.
        model: String,
        /// The result, index and value that are not finite.
        source: atrous_vision::Error,
    },
    /// A network was asked for a result of another task.
    #[error("{model} is a {} network, it cannot {wanted}", task(*.is))]
    Task {
        /// The network's name.
        model: String,
        /// The task of the network.
        is: Task,
        /// The request.
        wanted: &'static str,
    },
    /// A network whose output has not the shape that its [`Info`](atrous_nn::Info) states, so that it cannot be interpreted.
    #[error("{model} says that it is a {} network of {classes} classes, but {found}", task(*.is))]
    Promise {
        /// The network's name.
        model: String,
        /// The task that its info states.
        is: Task,
        /// The number of classes that its info states.
        classes: usize,
        /// The shape of its output for an image, and the expected one.
        found: String,
    },
    /// A tensor of another number of channels than the network takes.
    #[error("{model} takes images of {needs} channels, got {got}")]
    Channels {
        /// The network's name.
        model: String,
        /// Channels of the network's input.
        needs: usize,
        /// Channels of the tensor.
        got: usize,
    },
}

#[cfg(feature = "train")]
impl From<atrous_train::data::DataError> for Error {
    fn from(error: atrous_train::data::DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

#[cfg(feature = "train")]
impl From<atrous_train::step::StepError> for Error {
    fn from(error: atrous_train::step::StepError) -> Self {
        Self::Step(Box::new(error))
    }
}

#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
impl From<atrous_train::TrainError> for Error {
    fn from(error: atrous_train::TrainError) -> Self {
        Self::Train(Box::new(error))
    }
}

fn task(task: Task) -> &'static str {
    match task {
        Task::Classification => "classification",
        Task::Segmentation => "segmentation",
    }
}
