//! The graph and targets that an objective makes its loss of.

use atrous_graph::{DType, Graph, NodeId, Op, Shape, op::Binary};
use atrous_nn::{Model, Output};

use super::error::ObjectiveError;
use super::given::{Given, SAMPLE_WEIGHTS};
use crate::data::TargetKind;
use crate::loss;

/// A network whose graph is extended by a loss or a metric. Targets, weights and constants that are asked for become inputs of the graph.
#[derive(Debug)]
pub struct LossContext<'a> {
    /// The graph, to add nodes to.
    pub graph: &'a mut Graph,
    network: &'a str,
    input: NodeId,
    outputs: Vec<Output>,
    given: &'a mut Given,
}

impl<'a> LossContext<'a> {
    pub(crate) fn new(model: &'a mut Model, given: &'a mut Given) -> Self {
        let Model { name, graph, input, outputs, .. } = model;
        Self { graph, network: name, input: *input, outputs: outputs.clone(), given }
    }

    /// The context with one output only, which becomes the main one.
    ///
    /// # Errors
    /// [`ObjectiveError::UnknownOutput`].
    pub fn only(&mut self, output: &str) -> Result<LossContext<'_>, ObjectiveError> {
        let node = self.output_named(output)?;
        let outputs = vec![Output { name: output.to_owned(), node }];
        Ok(LossContext { graph: self.graph, network: self.network, input: self.input, outputs, given: self.given })
    }

    /// The network's name.
    pub fn network(&self) -> &str {
        self.network
    }

    /// The node of the batch's preprocessed pictures, `N×H×W×C`.
    pub fn input(&self) -> NodeId {
        self.input
    }

    /// The network's main output.
    pub fn output(&self) -> NodeId {
        self.outputs[0].node
    }

    /// All outputs, the main one first.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// An output by its name.
    ///
    /// # Errors
    /// [`ObjectiveError::UnknownOutput`].
    pub fn output_named(&self, name: &str) -> Result<NodeId, ObjectiveError> {
        match self.outputs.iter().find(|output| output.name == name) {
            Some(output) => Ok(output.node),
            None => {
                let names: Vec<String> = self.outputs.iter().map(|output| format!("\"{}\"", output.name)).collect();
                let (network, name, has) = (self.network.to_owned(), name.to_owned(), names.join(", "));
                Err(ObjectiveError::UnknownOutput { network, name, has })
            }
        }
    }

    /// Shape of a node.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.graph.shape(node)
    }

    /// The target of this name as an input of the graph. It must be of this kind; its shape is that of [`TargetKind::tensor`].
    ///
    /// # Errors
    /// [`ObjectiveError::MissingTarget`] or [`ObjectiveError::TargetKind`] if the data have something else, [`ObjectiveError::Input`] if
    /// the graph has another node of that name.
    pub fn target(&mut self, name: &str, kind: TargetKind) -> Result<NodeId, ObjectiveError> {
        let (ty, new) = self.given.target(name, kind, self.graph.shape(self.input))?;
        self.add_input(name, ty.shape, ty.dtype, new)
    }

    /// The kind of the data's target of this name; `None` without a loader, in a training loop of the caller's own.
    ///
    /// # Errors
    /// [`ObjectiveError::MissingTarget`].
    pub fn kind_of(&self, name: &str) -> Result<Option<TargetKind>, ObjectiveError> {
        self.given.offered(name, None)
    }

    /// Labels for the main output, whose channels are the classes: u32, one per picture, `N×1×1×1`, or one per pixel, `N×H×W×1`. Which of
    /// the two is given by the data, or without a loader by the shape of the output.
    ///
    /// # Errors
    /// As [`Self::target`], and [`ObjectiveError::Fit`].
    pub fn labels(&mut self, name: &str) -> Result<NodeId, ObjectiveError> {
        let output = self.shape(self.output());
        let by_shape = match output {
            Shape { h: 1, w: 1, c: classes, .. } => TargetKind::Class { classes },
            Shape { c: classes, .. } => TargetKind::Mask { classes },
        };
        let kind = match self.kind_of(name)? {
            Some(kind @ (TargetKind::Class { .. } | TargetKind::Mask { .. })) => kind,
            // A target of any other kind is refused by the following call.
            _ => by_shape,
        };
        let labels = self.target(name, kind)?;
        let needs = Shape { c: kind.classes().unwrap_or(output.c), ..self.shape(labels) };
        if output != needs {
            let (network, target) = (self.network.to_owned(), name.to_owned());
            let (needs, output) = (format!("{needs}{}", way_out(output, needs)), output.to_string());
            return Err(ObjectiveError::Fit { network, output, target, needs });
        }
        Ok(labels)
    }

    /// The ignore label.
    pub fn ignore_label(&self) -> u32 {
        self.given.ignore_label()
    }

    /// 1 for each sample of the batch and 0 for each picture that pads it, `N×1×1×1`.
    ///
    /// # Errors
    /// [`ObjectiveError::Input`] if the graph has another node called [`SAMPLE_WEIGHTS`].
    pub fn sample_weights(&mut self) -> Result<NodeId, ObjectiveError> {
        let (n, new) = (self.shape(self.input).n, self.given.sample_weights());
        self.add_input(SAMPLE_WEIGHTS, Shape::new(n, 1, 1, 1), DType::F32, new)
    }

    /// An input of the graph with values that are the same in every step, such as class weights.
    ///
    /// # Errors
    /// [`ObjectiveError::Input`] if the number of values is not that of the shape, one is not finite, or the name is taken.
    pub fn constant(&mut self, name: &str, shape: Shape, values: &[f32]) -> Result<NodeId, ObjectiveError> {
        let bad = |reason: String| Err(ObjectiveError::Input { name: name.to_owned(), reason });
        if values.len() != shape.len() {
            return bad(format!("{shape} needs {} values, got {}", shape.len(), values.len()));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return bad(format!("its values must be finite, got {value}"));
        }
        let new = self.given.constant(name, values)?;
        self.add_input(name, shape, DType::F32, new)
    }

    /// The mean of `values`, `N×H×W×C`, over the samples of the batch, without pictures that pad it.
    ///
    /// # Errors
    /// As [`Self::sample_weights`], and if `values` has another number of samples.
    pub fn mean_over_samples(&mut self, name: &str, values: NodeId) -> Result<NodeId, ObjectiveError> {
        let weights = self.sample_weights()?;
        let weighted = self.graph.add(&format!("{name}.counted"), Op::Binary(Binary::Mul), &[values, weights])?;
        let sum = loss::sum(self.graph, &format!("{name}.sum"), weighted)?;
        let count = loss::sum(self.graph, &format!("{name}.samples"), weights)?;
        let mean = self.graph.add(&format!("{name}.mean"), Op::Binary(Binary::DivNoNan), &[sum, count])?;
        let each = self.shape(values).sample_len() as f64;
        Ok(loss::weighted_sum(self.graph, name, &[(mean, (1.0 / each) as f32)])?)
    }

    /// Adds an input if it is `new`, otherwise finds it.
    fn add_input(&mut self, name: &str, shape: Shape, dtype: DType, new: bool) -> Result<NodeId, ObjectiveError> {
        let found = self.graph.find(name);
        match (new, found) {
            (true, Err(_)) => Ok(self.graph.input(name, shape, dtype)?),
            (false, Ok(node)) if self.graph.shape(node) == shape => Ok(node),
            (false, Ok(node)) => {
                let reason = format!("it is asked for as {shape} and as {}", self.graph.shape(node));
                Err(ObjectiveError::Input { name: name.to_owned(), reason })
            }
            (true, Ok(_)) => {
                let reason = format!("{} has a node of that name", self.network);
                Err(ObjectiveError::Input { name: name.to_owned(), reason })
            }
            (false, Err(error)) => Err(error.into()),
        }
    }
}

/// Checks that a node is a single f32.
pub(crate) fn check_scalar(graph: &Graph, loss: NodeId) -> Result<(), ObjectiveError> {
    let node = graph.node(loss);
    match node.ty.shape.len() == 1 && node.ty.dtype == DType::F32 {
        true => Ok(()),
        false => Err(ObjectiveError::NotScalar { node: node.name.clone(), ty: node.ty.to_string() }),
    }
}

/// Advice for an output that does not fit the labels: empty, or a colon and a text.
fn way_out(output: Shape, needs: Shape) -> String {
    let pictures = |shape: Shape| (shape.h, shape.w) == (1, 1);
    match (pictures(output), pictures(needs)) {
        (true, false) => ": it classifies pictures, these are labels of pixels, for a network that segments".to_owned(),
        (false, true) => ": it segments, these are labels of pictures, for a network that classifies".to_owned(),
        _ if (output.h, output.w) == (needs.h, needs.w) => {
            format!(": `with_classes({})` makes the network one of so many classes", needs.c)
        }
        _ => String::new(),
    }
}
