//! A network with its weights on a device.

mod feature_sessions;
mod features;
mod gradients;
#[cfg(feature = "photos")]
mod maps;
#[cfg(feature = "photos")]
mod photos;
mod recipe;
mod revive;
#[cfg(not(target_arch = "wasm32"))]
mod tune;

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, InputData, Output, Outputs, Parameters, Session, SessionCache};
use atrous_graph::{GraphError, Shape};
#[cfg(feature = "photos")]
use atrous_nn::Task;
use atrous_nn::{Info, IntoNetwork, Model};
use atrous_vision::{ImageTensor, Preprocess};

use crate::{Error, Result, Weights};
use feature_sessions::FeatureSessions;
use recipe::Recipe;

pub use gradients::{Gradients, class_score};
#[cfg(feature = "photos")]
pub use photos::Many;

/// What to change from a network's defaults.
///
/// ```
/// use atrous::prelude::*;
///
/// # fn main() -> Result<(), atrous::Error> {
/// # let device = Device::from_env_blocking()?;
/// // Weights for 7 classes, and photographs at 48×64 pixels.
/// let options = PredictorOptions { size: Some([48, 64]), classes: Some(7) };
/// let network = Predictor::new(&device, "small_resnet", &Weights::Init(1), options)?;
/// assert_eq!(network.info().classes, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictorOptions {
    /// Height and width to which photographs are resized for the network. If `None`, classifiers use their default size, and segmentation
    /// networks the photograph's own size, scaled down to about the number of pixels of their default size if it has more.
    pub size: Option<[usize; 2]>,
    /// Number of classes, if the weights were trained for another number than the network's default.
    pub classes: Option<usize>,
}

/// A network with its weights on a device.
///
/// The first call with a new batch or image size plans the network and compiles the kernels that the device has not compiled
/// before; later calls with that size reuse them. Only inputs and results are copied between host and device.
///
/// If the device is lost, it is [opened again](Device::reopen), the weights are read and uploaded once more, and the call that met the loss
/// runs again, with the same results; [`Device::on_reopen`] tells a program that shares the device. A call fails with
/// [`GpuError::DeviceLost`] if the program opened the device itself, or a loss follows the other.
///
/// ```
/// use atrous::prelude::*;
///
/// # fn main() -> Result<(), atrous::Error> {
/// let device = Device::from_env_blocking()?;
/// // Random weights of seed 1; `Weights::from("cells.safetensors")` are those of a file.
/// let weights = Weights::Init(1);
/// let mut network = Predictor::new(&device, "small_unet", &weights, PredictorOptions::default())?;
/// let photo = RgbImage::from_fn(40, 32, |x, y| [6 * x as u8, 7 * y as u8, 90].into());
/// let map = network.segment_blocking(&photo)?;
/// assert_eq!((map.width(), map.height()), (40, 32));
/// let probabilities = network.probabilities_blocking(&[photo])?;
/// assert_eq!(probabilities.shape, [1, 32, 40, network.info().classes]); // N, H, W, C
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Predictor {
    recipe: Recipe,
    info: Info,
    /// If the network's output has not the shape that its info states: the shapes of image, stated output and output.
    #[cfg(feature = "photos")]
    promise: Option<[Shape; 3]>,
    size: Option<[usize; 2]>,
    /// Name of the graph's input.
    input: String,
    device: Device,
    weights: Weights,
    /// Checksum of the weights, by which they are known to be the same when they are read again.
    checksum: u32,
    /// Losses of the device since the last call that succeeded.
    losses: u32,
    /// Sessions with the logits as output.
    sessions: SessionCache,
    /// For a segmentation network: sessions with class maps as outputs, over the same parameters.
    #[cfg(feature = "photos")]
    maps: Option<SessionCache>,
    /// For a segmentation network, created at the first request: sessions with probabilities as outputs, over the same parameters.
    #[cfg(feature = "photos")]
    probabilities: Option<SessionCache>,
    features: Option<FeatureSessions>,
    /// The parameters without folding, uploaded when gradients are first requested.
    unfolded: Option<Arc<Parameters>>,
}

impl Predictor {
    /// Builds a network for inference and uploads its weights. The network is a [`Network`](atrous_nn::Network), or a name of the zoo that
    /// [`zoo::names`](atrous_nn::zoo::names) lists.
    ///
    /// # Errors
    /// [`Error::Zoo`] for an unknown name; [`Error::Graph`] for an impossible size or number of classes; [`Error::Weights`] if the
    /// weights cannot be read or do not fit the network; [`Error::Gpu`] if the parameters do not fit into the device's memory.
    pub fn new(
        device: &Device,
        network: impl IntoNetwork,
        weights: &Weights,
        options: PredictorOptions,
    ) -> Result<Self> {
        let network = network.into_network()?;
        let name = network.name();
        let network = match options.classes {
            Some(0) => return Err(no_classes(&name).into()),
            Some(classes) if classes != network.info().classes => network.with_classes(classes)?,
            _ => network,
        };
        Self::on(device, Recipe { network, name }, weights, options.size)
    }

    /// Uploads the weights of a network to a device.
    fn on(device: &Device, recipe: Recipe, weights: &Weights, size: Option<[usize; 2]>) -> Result<Self> {
        let info = recipe.network.info();
        let [h, w] = size.unwrap_or(info.size);
        let model = recipe.model(Shape::new(1, h, w, info.in_channels), |model| Ok(vec![model.output()]))?;
        let input = model.graph.node(model.input).name.clone();
        let parameters = recipe::folded(device, weights, &model)?;
        let checksum = parameters.checksum();
        #[cfg(feature = "photos")]
        let maps =
            (info.task == Task::Segmentation).then(|| recipe.sessions_over(parameters.clone(), maps::map_outputs));
        let sessions = recipe.sessions_over(parameters, |model: &mut Model| Ok(vec![model.output()]));
        #[cfg(feature = "photos")]
        let promise = photos::broken(&recipe, &model, &info);
        let (device, weights) = (device.clone(), weights.clone());
        Ok(Self {
            recipe,
            info,
            #[cfg(feature = "photos")]
            promise,
            size,
            input,
            device,
            weights,
            checksum,
            losses: 0,
            sessions,
            #[cfg(feature = "photos")]
            maps,
            #[cfg(feature = "photos")]
            probabilities: None,
            features: None,
            unfolded: None,
        })
    }

    /// The network's name: that of the zoo, or [`Network::name`](atrous_nn::Network::name).
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// What the network does, its default size and its number of classes.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The device that the network runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The preprocessing of pixels that the network was trained with.
    pub fn preprocess(&self) -> Preprocess {
        Preprocess::new(self.info.normalize)
    }

    /// Runs the network on a tensor of any batch and size that it accepts: logits, `N×1×1×classes` of a classifier and
    /// `N×H×W×classes` of a segmentation network.
    ///
    /// # Errors
    /// [`Error::Channels`]; [`Error::Gpu`] if the network cannot be built, planned or run at this size.
    pub async fn run(&mut self, images: &ImageTensor) -> Result<Output> {
        loop {
            let ended = self.run_once(images).await;
            if !self.revives(&ended).await? {
                return ended;
            }
        }
    }

    async fn run_once(&mut self, images: &ImageTensor) -> Result<Output> {
        let (session, input) = self.session(images)?;
        only(session.run(&[(input, InputData::F32(&images.data))]).await?)
    }

    /// [`Self::run`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, images: &ImageTensor) -> Result<Output> {
        self.surviving(|this| {
            let (session, input) = this.session(images)?;
            only(session.run_blocking(&[(input, InputData::F32(&images.data))])?)
        })
    }

    /// The sessions for photographs: class maps of a segmentation network, else logits.
    #[cfg(any(feature = "photos", not(target_arch = "wasm32")))]
    fn answers(&mut self) -> &mut SessionCache {
        #[cfg(feature = "photos")]
        if let Some(maps) = &mut self.maps {
            return maps;
        }
        &mut self.sessions
    }

    /// The session for images of this shape, and the name of its input.
    fn session(&mut self, images: &ImageTensor) -> Result<(&mut Session, &str)> {
        let shape = self.shape(images)?;
        Ok((self.sessions.session(shape)?, &self.input))
    }

    fn shape(&self, images: &ImageTensor) -> Result<Shape> {
        let [n, h, w, c] = images.shape;
        let needs = self.info.in_channels;
        if c != needs {
            return Err(Error::Channels { model: self.name().to_owned(), needs, got: c });
        }
        Ok(Shape::new(n, h, w, c))
    }
}

fn no_classes(network: &str) -> GraphError {
    let reason = "the number of classes must be at least 1, got 0".to_owned();
    GraphError::Invalid { op: "network", node: network.to_owned(), reason }
}

/// The result of a session with one output.
fn only(outputs: Outputs) -> Result<Output> {
    Ok(outputs.into_vec().pop().ok_or(GpuError::NoOutputs)?)
}
