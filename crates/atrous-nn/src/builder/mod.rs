//! The builder that layers add to.

mod settings;

use atrous_graph::op::CustomOp;
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};

use crate::init::{Distribution, LayerInit};
use crate::{Mode, Model, Naming, Output, ParameterKind, ParameterSpec, RunningUpdate, StoredLayout, UnusedParameter};

/// Collects a graph and its parameters, layer by layer. The order in which layers are added is the order in which the
/// framework lists its parameters.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::layers::{Conv, Norm, Pool};
/// use atrous_nn::{Builder, Mode, Naming};
///
/// let mut b = Builder::new(Naming::Torch, Mode::Training);
/// let x = b.input("input", Shape::new(8, 32, 32, 3))?;
/// let y = b.module("stem", |b| {
///     let y = b.conv2d("conv", x, Conv::new(16, 3).padding(1))?;
///     let y = b.batch_norm("bn", y, Norm::TORCH)?;
///     b.relu("relu", y)
/// })?;
/// let y = b.max_pool("pool", y, Pool::new(2, 2))?;
/// let logits = b.linear("fc", y, 10, true)?;
/// let model = b.finish("small", x, &[("out", logits)]);
/// assert_eq!(model.parameters[0].name, "stem.conv.weight");
/// assert_eq!(model.parameters[0].shape, [16, 3, 3, 3]);
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    graph: Graph,
    parameters: Vec<ParameterSpec>,
    unused: Vec<UnusedParameter>,
    running: Vec<RunningUpdate>,
    mode: Mode,
    naming: Naming,
    scope: Vec<String>,
    dropouts: u32,
    seed: Option<NodeId>,
    init: LayerInit,
    /// Whether parameters are trained.
    trainable: bool,
    /// Whether networks are added with their heads.
    heads: bool,
}

/// Name of the seed of dropout, an input of graphs in training mode that have dropout: one u32, a new one for every step.
pub const DROPOUT_SEED: &str = "dropout_seed";

impl Builder {
    /// An empty builder. Layers are initialised as PyTorch or Keras does by default.
    pub fn new(naming: Naming, mode: Mode) -> Self {
        Self {
            graph: Graph::new(),
            parameters: Vec::new(),
            unused: Vec::new(),
            running: Vec::new(),
            mode,
            naming,
            scope: Vec::new(),
            dropouts: 0,
            seed: None,
            init: LayerInit::of(naming),
            trainable: true,
            heads: true,
        }
    }

    /// Whether the graph is for inference or for training.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The framework whose names are used.
    pub const fn naming(&self) -> Naming {
        self.naming
    }

    /// The graph so far.
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Shape of a node's tensor.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.graph.shape(id)
    }

    /// The full name of `name` in the current scope: the scopes' names and `name`, joined by dots. `""` is the scope itself.
    pub fn path(&self, name: &str) -> String {
        let mut parts: Vec<&str> = self.scope.iter().map(String::as_str).collect();
        if !name.is_empty() {
            parts.push(name);
        }
        parts.join(".")
    }

    /// Runs `f` with `name` and a dot in front of all names; `""` changes nothing.
    pub fn scope<T>(&mut self, name: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        if name.is_empty() {
            return f(self);
        }
        self.scope.push(name.to_owned());
        let result = f(self);
        self.scope.pop();
        result
    }

    /// Runs `f` with another rule of initialisation for the layers it adds.
    pub fn initialized<T>(&mut self, init: LayerInit, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.init, init);
        let result = f(self);
        self.init = outer;
        result
    }

    /// A submodule: runs `f` with `name` in front of all names, and labels its result with that name.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn module(
        &mut self,
        name: &str,
        f: impl FnOnce(&mut Self) -> Result<NodeId, GraphError>,
    ) -> Result<NodeId, GraphError> {
        let result = self.scope(name, f)?;
        self.label(name, result);
        Ok(result)
    }

    /// Gives a node the name of a module whose result it is.
    pub fn label(&mut self, name: &str, id: NodeId) {
        self.graph.label(&self.path(name), id);
    }

    /// Adds the input `name`, an f32 image of `shape`.
    ///
    /// # Errors
    /// If the shape has a side of zero.
    pub fn input(&mut self, name: &str, shape: Shape) -> Result<NodeId, GraphError> {
        self.graph.input(&self.path(name), shape, DType::F32)
    }

    /// Adds an operation called `name` in the current scope.
    ///
    /// # Errors
    /// Those of [`Graph::add`].
    pub fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.graph.add(&self.path(name), op, inputs)
    }

    /// Adds a custom operation.
    ///
    /// # Errors
    /// Those of the operation's shape rule.
    pub fn custom(&mut self, name: &str, op: impl CustomOp, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.add(name, Op::custom(op), inputs)
    }

    /// Adds a convolution's weight: `filter` is its shape in the graph, `shape` that in the framework.
    ///
    /// # Errors
    /// If the name is taken or a side is zero.
    pub fn weight(
        &mut self,
        name: &str,
        filter: Shape,
        stored: StoredLayout,
        shape: Vec<usize>,
        fan_in: usize,
    ) -> Result<NodeId, GraphError> {
        let init = self.init.weight.distribution(stored, &shape);
        self.parameter(name, (filter, Layout::Filter), (shape, stored), ParameterKind::Weight { fan_in }, init)
    }

    /// Adds a vector over channels. Scales and variances begin with 1, all others with 0.
    ///
    /// # Errors
    /// If the name is taken or there are no channels.
    pub fn vector(&mut self, name: &str, channels: usize, kind: ParameterKind) -> Result<NodeId, GraphError> {
        self.channel_vector(name, channels, kind, kind.neutral())
    }

    /// Adds the bias of the layer that the parameter `weight` belongs to.
    pub fn bias_of(&mut self, weight: NodeId, name: &str, channels: usize) -> Result<NodeId, GraphError> {
        let spec = self.parameters.iter().rfind(|p| p.node == weight);
        let init = spec.map_or(ParameterKind::Bias.neutral(), |w| self.init.bias.distribution(w.stored, &w.shape));
        self.channel_vector(name, channels, ParameterKind::Bias, init)
    }

    fn channel_vector(
        &mut self,
        name: &str,
        channels: usize,
        kind: ParameterKind,
        init: Distribution,
    ) -> Result<NodeId, GraphError> {
        let stored = (vec![channels], StoredLayout::Vector);
        self.parameter(name, (Shape::channels(channels), Layout::Image), stored, kind, init)
    }

    fn parameter(
        &mut self,
        name: &str,
        (graph_shape, layout): (Shape, Layout),
        (shape, stored): (Vec<usize>, StoredLayout),
        kind: ParameterKind,
        init: Distribution,
    ) -> Result<NodeId, GraphError> {
        let name = self.path(name);
        let node = self.graph.parameter(&name, graph_shape, layout)?;
        let trainable = self.trainable && kind.is_trainable();
        self.parameters.push(ParameterSpec { name, node, shape, stored, kind, trainable, init });
        Ok(node)
    }

    /// Records a tensor of the framework's state that the network does not use.
    pub fn unused(&mut self, name: &str, shape: Vec<usize>, kind: Option<ParameterKind>) {
        let (name, before) = (self.path(name), self.parameters.len());
        self.unused.push(UnusedParameter { name, shape, kind, before });
    }

    /// Runs `f` on another builder with the same scope and an input of the given shape. The layers that `f` adds do not enter this graph;
    /// their parameters are recorded as unused.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn unused_layers(
        &mut self,
        input: Shape,
        f: impl FnOnce(&mut Self, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<(), GraphError> {
        let mut side = Self::new(self.naming, Mode::Inference);
        side.scope.clone_from(&self.scope);
        let x = side.input("input", input)?;
        f(&mut side, x)?;
        let before = self.parameters.len();
        let mut counters = side.unused.into_iter().peekable();
        for (i, p) in side.parameters.into_iter().enumerate() {
            while let Some(counter) = counters.next_if(|c| c.before <= i) {
                self.unused.push(UnusedParameter { before, ..counter });
            }
            self.unused.push(UnusedParameter { name: p.name, shape: p.shape, kind: Some(p.kind), before });
        }
        self.unused.extend(counters.map(|counter| UnusedParameter { before, ..counter }));
        Ok(())
    }

    /// Records that `value` is the new value of the running statistic `parameter`.
    pub fn running(&mut self, parameter: NodeId, value: NodeId) {
        self.running.push(RunningUpdate { parameter, value });
    }

    /// The node of the seed of dropout, in training mode, and the number of the next dropout's random stream.
    pub fn dropout_source(&mut self) -> Result<(Option<NodeId>, u32), GraphError> {
        let stream = self.dropouts;
        self.dropouts += 1;
        if self.mode == Mode::Inference {
            return Ok((None, stream));
        }
        if self.seed.is_none() {
            self.seed = Some(self.graph.input(DROPOUT_SEED, Shape::channels(1), DType::U32)?);
        }
        Ok((self.seed, stream))
    }

    /// An error of the layer `name` in the current scope.
    pub fn invalid(&self, op: &'static str, name: &str, reason: String) -> GraphError {
        GraphError::Invalid { op, node: self.path(name), reason }
    }

    /// The finished model. `outputs` are names and nodes, the main one first. It has no feature maps; the caller may set
    /// [`Model::features`].
    pub fn finish(mut self, name: &str, input: NodeId, outputs: &[(&str, NodeId)]) -> Model {
        self.graph.set_outputs(outputs.iter().map(|(_, node)| *node).collect());
        Model {
            name: name.to_owned(),
            mode: self.mode,
            graph: self.graph,
            input,
            outputs: outputs.iter().map(|(name, node)| Output { name: (*name).to_owned(), node: *node }).collect(),
            features: Vec::new(),
            parameters: self.parameters,
            unused: self.unused,
            running: self.running,
        }
    }
}
