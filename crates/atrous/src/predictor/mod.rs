//! A network with its weights on a device.

mod features;
mod maps;
#[cfg(feature = "photos")]
mod photos;
#[cfg(not(target_arch = "wasm32"))]
mod tune;

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, InputData, Output, Outputs, Parameters, Session, SessionCache};
use atrous_graph::{GraphError, NodeId, Shape};
use atrous_nn::zoo::{self, BuildOptions, ZooError};
use atrous_nn::{Info, Mode, Model, Task};
use atrous_vision::{ImageTensor, Preprocess};

use crate::{Error, Result, Weights};

#[cfg(feature = "photos")]
pub use photos::Many;

/// Sessions kept for different batch and image sizes.
const SESSIONS: usize = 4;

/// What to change from a network's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictorOptions {
    /// Height and width at which the network sees photographs. Without it classifiers take their default, and segmentation
    /// networks the photograph's own size, scaled down to about as many pixels as their default if it has more.
    pub size: Option<[usize; 2]>,
    /// Number of classes, for weights that were trained on other data.
    pub classes: Option<usize>,
}

/// A network of the zoo with its weights on a device.
///
/// The first call with a new batch or image size plans the network and compiles the kernels that the device has not met
/// before; later calls with that size reuse them. Nothing but the input and the result moves between host and device.
#[derive(Debug)]
pub struct Predictor {
    recipe: Recipe,
    info: Info,
    #[cfg_attr(not(feature = "photos"), expect(dead_code, reason = "only photographs are brought to a size"))]
    size: Option<[usize; 2]>,
    /// Name of the graph's input.
    input: String,
    device: Device,
    weights: Weights,
    /// Sessions whose result is the logits.
    sessions: SessionCache,
    /// Of a segmentation network: sessions whose results are class maps, over the same parameters.
    maps: Option<SessionCache>,
    features: Option<features::Features>,
}

/// How to build the network again for another size.
#[derive(Clone, Debug)]
struct Recipe {
    name: String,
    classes: Option<usize>,
}

impl Recipe {
    /// The network for a batch of `n` images of `h` by `w`.
    fn model(&self, n: usize, h: usize, w: usize) -> Result<Model, ZooError> {
        let options =
            BuildOptions { input: Some((n, h, w)), classes: self.classes, in_channels: None, mode: Mode::Inference };
        zoo::build(&self.name, &options)
    }

    /// The network whose graph's outputs are the nodes that `outputs` picks.
    fn with_outputs(
        &self,
        shape: Shape,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError>,
    ) -> Result<Model, GraphError> {
        let mut model = self.model(shape.n, shape.h, shape.w).map_err(|error| match error {
            ZooError::Graph(error) => error,
            other => GraphError::Invalid { op: "network", node: self.name.clone(), reason: other.to_string() },
        })?;
        let outputs = outputs(&mut model)?;
        model.graph.set_outputs(outputs);
        Ok(model)
    }

    /// Sessions whose results are what `outputs` picks, over parameters of their own.
    fn sessions(
        &self,
        device: &Device,
        weights: &Weights,
        shape: Shape,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError> + Send + Sync + 'static,
    ) -> Result<SessionCache> {
        let parameters = weights.upload(device, &self.with_outputs(shape, &outputs)?)?;
        Ok(self.sessions_over(Arc::new(parameters), outputs))
    }

    /// The same over parameters that are on the device already.
    fn sessions_over(
        &self,
        parameters: Arc<Parameters>,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError> + Send + Sync + 'static,
    ) -> SessionCache {
        let recipe = self.clone();
        let build = move |shape| Ok(recipe.with_outputs(shape, &outputs)?.graph);
        SessionCache::new(parameters, Box::new(build), SESSIONS)
    }
}

impl Predictor {
    /// Builds the network that [`zoo::names`] lists as `name` and uploads its weights.
    ///
    /// # Errors
    /// [`Error::Zoo`] for an unknown name, an impossible size or number of classes; [`Error::Weights`] if the file cannot be
    /// read or holds other tensors than the network's; [`Error::Gpu`] if the parameters do not fit the device.
    pub fn new(device: &Device, name: &str, weights: &Weights, options: PredictorOptions) -> Result<Self> {
        let info = zoo::network(name)?.info();
        let recipe = Recipe { name: name.to_owned(), classes: options.classes };
        let [h, w] = options.size.unwrap_or(info.size);
        let mut model = recipe.model(1, h, w)?;
        let input = model.graph.node(model.input).name.clone();
        model.graph.set_outputs(vec![model.output()]);
        let parameters = Arc::new(weights.upload(device, &model)?);
        let sessions = recipe.sessions_over(parameters.clone(), |model: &mut Model| Ok(vec![model.output()]));
        let segments = info.task == Task::Segmentation;
        let maps = segments.then(|| recipe.sessions_over(parameters, maps::map_outputs));
        let info = Info { classes: model.output_shape().c, ..info };
        let (device, weights) = (device.clone(), weights.clone());
        Ok(Self { recipe, info, size: options.size, input, device, weights, sessions, maps, features: None })
    }

    /// The network's name in the zoo.
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// What the network does, its default size and its number of classes.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How pixels become the numbers that this network was trained on.
    pub fn preprocess(&self) -> Preprocess {
        Preprocess::new(self.info.normalize)
    }

    /// Runs the network on a tensor of any batch and size that it accepts: logits, `N×1×1×classes` of a classifier and
    /// `N×H×W×classes` of a segmentation network.
    ///
    /// # Errors
    /// [`Error::Channels`]; [`Error::Gpu`] if the network cannot be built, planned or run at this size.
    pub async fn run(&mut self, images: &ImageTensor) -> Result<Output> {
        let (session, input) = self.session(images)?;
        only(session.run(&[(input, InputData::F32(&images.data))]).await?)
    }

    /// [`Self::run`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, images: &ImageTensor) -> Result<Output> {
        let (session, input) = self.session(images)?;
        only(session.run_blocking(&[(input, InputData::F32(&images.data))])?)
    }

    /// The sessions that answer what the network is for: logits of a classifier, class maps of a segmentation network.
    fn answers(&mut self) -> &mut SessionCache {
        self.maps.as_mut().unwrap_or(&mut self.sessions)
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

/// The result of a session with one output.
fn only(outputs: Outputs) -> Result<Output> {
    Ok(outputs.into_vec().pop().ok_or(GpuError::NoOutputs)?)
}
