//! Gradients of a number computed from a network's outputs, with respect to its image and its activations.

use std::sync::Arc;

use atrous_gpu::{GpuError, InputData, Outputs, Parameters, SessionCache};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{Reduce, Slice};
use atrous_graph::passes::Precision;
use atrous_graph::{Graph, GraphError, NodeId, Op, ParameterSource, Shape};
use atrous_kernels::{CompileOptions, Compiled, Purpose, compile};
use atrous_nn::{Model, Output};
use atrous_vision::ImageTensor;

use super::Predictor;
use crate::{Error, Result};

/// Sessions kept for different batch and image sizes.
const SESSIONS: usize = 2;

/// Gradients of one number with respect to tensors of a network, see [`Predictor::gradients`].
///
/// ```
/// use atrous::{class_score, prelude::*};
///
/// # fn main() -> Result<(), atrous::Error> {
/// # let device = Device::from_env_blocking()?;
/// let mut network = Predictor::new(&device, "small_resnet", &Weights::Init(1), PredictorOptions::default())?;
/// let mut gradients = network.gradients(class_score(3), &["input"])?;
/// let images = network.preprocess().run(&[RgbImage::from_pixel(16, 16, [200, 30, 60].into())])?;
/// let results = gradients.run_blocking(&images)?;
/// assert_eq!(results.get("input.grad")?.shape.dims(), images.shape);
/// assert_eq!(results.f32("class_score")?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Gradients {
    model: String,
    in_channels: usize,
    input: String,
    sessions: SessionCache,
}

impl Predictor {
    /// Prepares the gradients of one number with respect to the network's image and activations. `of` adds the nodes that compute the
    /// number from the network's outputs. `names` are those of [`Self::features`]; the image is called `input`.
    ///
    /// For example a saliency map of a class (Simonyan et al., arXiv:1312.6034), and the weights of Grad-CAM (Selvaraju et al.,
    /// arXiv:1610.02391):
    ///
    /// ```no_run
    /// # use atrous::prelude::*;
    /// # fn main() -> Result<(), atrous::Error> {
    /// # let device = Device::from_env_blocking()?;
    /// # let weights = Weights::from("resnet50.safetensors");
    /// let mut network = Predictor::new(&device, "resnet50", &weights, PredictorOptions::default())?;
    /// let mut gradients = network.gradients(atrous::class_score(281), &["input", "layer4"])?;
    /// let images = network.preprocess().run(&[load_rgb8("cat.jpg", &ImageLimits::default())?])?;
    /// let results = gradients.run_blocking(&images)?;
    /// let saliency = results.get("input.grad")?; // N×H×W×3
    /// let [activation, gradient] = [results.get("layer4")?, results.get("layer4.grad")?];
    /// # let _ = (saliency, activation, gradient);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Everything is computed in f32, whatever the [precision](crate::DeviceOptions::precision) of the device, and batch normalisations
    /// use their running statistics. The first call uploads the parameters unfolded, in addition to those that [`Self::run`] uses.
    ///
    /// # Errors
    /// [`Error::Graph`] for an unknown name (the message lists similar names), if the result of `of` is not one number or does not depend
    /// on one of the tensors, if an operation has no gradient, and for errors of `of`; further the errors of [`Self::new`].
    pub fn gradients(
        &mut self,
        of: impl Fn(&mut Graph, &[Output]) -> Result<NodeId, GraphError> + Send + Sync + 'static,
        names: &[&str],
    ) -> Result<Gradients> {
        let (recipe, names) = (self.recipe.clone(), names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let build = move |shape| {
            let mut model = recipe.model(shape, |model| Ok(vec![model.output()]))?;
            let (loss, outputs) = differentiate(&mut model, &of, &names)?;
            Ok::<_, GraphError>((model.graph, loss, outputs))
        };
        let [h, w] = self.size.unwrap_or(self.info.size);
        build(Shape::new(1, h, w, self.info.in_channels))?;
        let parameters = self.unfolded()?;
        let device = self.device.clone();
        let compiled = move |shape| -> Result<Compiled, GpuError> {
            let (graph, loss, outputs) = build(shape)?;
            let options = CompileOptions { passes: device.options().passes, precision: Precision::F32 };
            let purpose = Purpose::Gradients { outputs: &outputs, loss, loss_scale: None };
            Ok(compile(&graph, &purpose, options, &device.target())?)
        };
        Ok(Gradients {
            model: self.name().to_owned(),
            in_channels: self.info.in_channels,
            input: self.input.clone(),
            sessions: SessionCache::compiled(parameters, Box::new(compiled), SESSIONS),
        })
    }

    /// The parameters without folding, uploaded at the first call.
    fn unfolded(&mut self) -> Result<Arc<Parameters>> {
        if let Some(parameters) = &self.unfolded {
            return Ok(parameters.clone());
        }
        let [h, w] = self.size.unwrap_or(self.info.size);
        let shape = Shape::new(1, h, w, self.info.in_channels);
        let model = self.recipe.model(shape, |model| Ok(vec![model.output()]))?;
        let upload = |source: &dyn ParameterSource| Parameters::upload(&self.device, &model.graph, source);
        let parameters = Arc::new(self.weights.with(&model, upload)??);
        Ok(self.unfolded.insert(parameters).clone())
    }
}

impl Gradients {
    /// Runs the network forward and backward on a tensor of any batch and size that it accepts. The results are the number, under its
    /// node's name, and for every requested `NAME` its gradient `NAME.grad` and, unless it is the image, the activation `NAME`; all are
    /// dense `N×H×W×C`.
    ///
    /// # Errors
    /// [`Error::Channels`]; [`Error::Gpu`] if the network cannot be built, planned or run at this size.
    pub async fn run(&mut self, images: &ImageTensor) -> Result<Outputs> {
        let shape = self.shape(images)?;
        let session = self.sessions.session(shape)?;
        Ok(session.run(&[(&self.input, InputData::F32(&images.data))]).await?)
    }

    /// [`Self::run`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, images: &ImageTensor) -> Result<Outputs> {
        let shape = self.shape(images)?;
        let session = self.sessions.session(shape)?;
        Ok(session.run_blocking(&[(&self.input, InputData::F32(&images.data))])?)
    }

    fn shape(&self, images: &ImageTensor) -> Result<Shape> {
        let [n, h, w, c] = images.shape;
        if c != self.in_channels {
            return Err(Error::Channels { model: self.model.clone(), needs: self.in_channels, got: c });
        }
        Ok(Shape::new(n, h, w, c))
    }
}

/// The sum of the logits of one class over a batch and all pixels: the usual number for [`Predictor::gradients`] of a classifier or a
/// segmentation network.
///
/// # Errors
/// The returned function fails with [`GraphError::Invalid`] if the network has no such class; the message states the classes.
pub fn class_score(class: usize) -> impl Fn(&mut Graph, &[Output]) -> Result<NodeId, GraphError> + Send + Sync {
    move |graph, outputs| {
        let logits = outputs[0].node;
        let classes = graph.shape(logits).c;
        if class >= classes {
            let reason =
                format!("there is no class {class}, the {classes} classes are 0..={}", classes.saturating_sub(1));
            let node = graph.node(logits).name.clone();
            return Err(GraphError::Invalid { op: "class_score", node, reason });
        }
        let of_class = Slice::channels(graph.shape(logits), class, 1);
        let of_class = graph.add("class_score.logits", Op::Slice(of_class), &[logits])?;
        graph.add("class_score", Op::Reduce(Reduce::SUM_NHW), &[of_class])
    }
}

/// Adds the nodes that compute a number from a network's outputs.
type Score = dyn Fn(&mut Graph, &[Output]) -> Result<NodeId, GraphError>;

/// Adds the gradients to a network's graph. Returns the node of the number and the outputs of a run.
fn differentiate(model: &mut Model, of: &Score, names: &[String]) -> Result<(NodeId, Vec<NodeId>), GraphError> {
    let graph = &mut model.graph;
    let nodes = names.iter().map(|name| graph.find(name)).collect::<Result<Vec<_>, _>>()?;
    let number = of(graph, &model.outputs)?;
    let invalid = |graph: &Graph, reason| {
        let node = graph.node(number).name.clone();
        Err(GraphError::Invalid { op: "gradients", node, reason })
    };
    if graph.shape(number).len() != 1 {
        let reason = format!("gradients are those of one number, got {}", graph.shape(number));
        return invalid(graph, reason);
    }
    let gradients = backward(graph, &[(number, 1.0)], &nodes, &Recompute::default())?;
    let mut outputs = vec![number];
    for ((name, node), gradient) in names.iter().zip(nodes).zip(gradients) {
        let Some(gradient) = gradient else {
            let reason = format!("it does not depend on \"{name}\"");
            return invalid(graph, reason);
        };
        let label = format!("{name}.grad");
        if graph.find(&label) != Ok(gradient) {
            graph.label(&label, gradient);
        }
        let activation = (!matches!(graph.node(node).op, Op::Input)).then_some(node);
        outputs.extend(
            [Some(gradient), activation].into_iter().flatten().filter(|id| !outputs.contains(id)).collect::<Vec<_>>(),
        );
    }
    Ok((number, outputs))
}
