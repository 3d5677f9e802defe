//! A finished network.

use std::fmt;

use atrous_graph::{Graph, NodeId, Op, Shape, cost};

use crate::{Feature, Mode, ParameterKind, ParameterSpec, UnusedParameter};

/// A named result of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// `out` for the main result; other results have a name of their own, such as `aux`.
    pub name: String,
    /// The node that makes it.
    pub node: NodeId,
}

/// The new value of a running statistic, computed by a graph in training mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningUpdate {
    /// The running statistic's parameter.
    pub parameter: NodeId,
    /// The node that makes its new value.
    pub value: NodeId,
}

/// A finished network: its graph, with its input, results and parameters.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::UNet;
/// use atrous_nn::{Mode, Network};
///
/// let model = UNet { classes: 2, ..UNet::SMALL }.build("cells", Shape::new(1, 64, 64, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 64, 64, 2));
/// assert_eq!(model.num_parameters(), 1_942_594);
/// println!("{}", model.summary()); // a row for each layer: shape, parameters, multiply-accumulates
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    /// The network's name, such as `resnet50`.
    pub name: String,
    /// What the graph is for.
    pub mode: Mode,
    /// The operations, from the image to the outputs.
    pub graph: Graph,
    /// The image, `N×H×W×C`.
    pub input: NodeId,
    /// Results, the main one first: logits `N×1×1×classes` of a classifier, `N×H×W×classes` of a segmentation network.
    pub outputs: Vec<Output>,
    /// Feature maps that the network offers, finest first, see [`Built::features`](crate::Built::features).
    pub features: Vec<Feature>,
    /// All parameters, in the framework's order.
    pub parameters: Vec<ParameterSpec>,
    /// Tensors of the framework's state that the network does not use, in the framework's order.
    pub unused: Vec<UnusedParameter>,
    /// New running statistics, in training mode, of all batch normalisations that are not frozen.
    pub running: Vec<RunningUpdate>,
}

/// A tensor of the framework's state, used or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StateTensor<'a> {
    /// A parameter of the graph.
    Used(&'a ParameterSpec),
    /// One the graph does not have.
    Unused(&'a UnusedParameter),
}

impl<'a> StateTensor<'a> {
    /// Name in the framework.
    pub fn name(self) -> &'a str {
        match self {
            Self::Used(p) => &p.name,
            Self::Unused(p) => &p.name,
        }
    }

    /// Shape as the framework stores it.
    pub fn shape(self) -> &'a [usize] {
        match self {
            Self::Used(p) => &p.shape,
            Self::Unused(p) => &p.shape,
        }
    }

    /// The kind of the parameter; `None` for a counter.
    pub const fn kind(self) -> Option<ParameterKind> {
        match self {
            Self::Used(p) => Some(p.kind),
            Self::Unused(p) => p.kind,
        }
    }
}

/// One layer in a model's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// The node's name.
    pub name: String,
    /// The operation's name.
    pub op: &'static str,
    /// Shape of the result.
    pub shape: Shape,
    /// Trainable parameters that the node reads.
    pub params: usize,
    /// Multiply-accumulates for the whole batch, see [`cost::macs`].
    pub macs: u64,
}

impl Model {
    /// The main result's node.
    pub fn output(&self) -> NodeId {
        self.outputs[0].node
    }

    /// Shape of the input.
    pub fn input_shape(&self) -> Shape {
        self.graph.shape(self.input)
    }

    /// Shape of the main result.
    pub fn output_shape(&self) -> Shape {
        self.graph.shape(self.output())
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&ParameterSpec> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// The framework's whole state in the framework's order: parameters, and tensors that the network does not use.
    pub fn state(&self) -> Vec<StateTensor<'_>> {
        let mut unused = self.unused.iter().peekable();
        let mut state = Vec::with_capacity(self.parameters.len() + self.unused.len());
        for (i, parameter) in self.parameters.iter().enumerate() {
            while let Some(u) = unused.next_if(|u| u.before <= i) {
                state.push(StateTensor::Unused(u));
            }
            state.push(StateTensor::Used(parameter));
        }
        state.extend(unused.map(StateTensor::Unused));
        state
    }

    /// Number of trainable parameters as the framework counts them, those of unused layers included.
    pub fn num_parameters(&self) -> usize {
        let trainable = |t: &StateTensor<'_>| t.kind().is_some_and(ParameterKind::is_trainable);
        self.state().into_iter().filter(trainable).map(|t| t.shape().iter().product::<usize>()).sum()
    }

    /// Multiply-accumulates of a run of the whole batch, see [`cost::macs`].
    pub fn macs(&self) -> u64 {
        self.graph.iter().map(|(id, _)| cost::macs(&self.graph, id)).sum()
    }

    /// One row per operation, in order of execution.
    pub fn layers(&self) -> Vec<LayerRow> {
        let mut params = vec![0; self.graph.nodes().len()];
        for p in self.parameters.iter().filter(|p| p.trainable) {
            params[p.node.0] = p.len();
        }
        let operations = self.graph.iter().filter(|(_, node)| !matches!(node.op, Op::Input | Op::Parameter));
        operations
            .map(|(id, node)| LayerRow {
                name: node.name.clone(),
                op: node.op.name(),
                shape: node.ty.shape,
                params: node.inputs.iter().map(|i| params[i.0]).sum(),
                macs: cost::macs(&self.graph, id),
            })
            .collect()
    }

    /// The table of layers as text, with totals.
    pub const fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

/// A model's table of layers; print it with `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(&'a Model);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.0;
        let rows = model.layers();
        let width = rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).max("layer".len());
        writeln!(f, "{}: input {}", model.name, model.input_shape())?;
        writeln!(f, "{:width$}  {:20} {:>18} {:>12} {:>10}", "layer", "operation", "output", "parameters", "MMACs")?;
        for row in &rows {
            let macs = row.macs as f64 / 1e6;
            writeln!(f, "{:width$}  {:20} {:>18} {:>12} {macs:>10.2}", row.name, row.op, row.shape, row.params)?;
        }
        let (parameters, gmacs) = (model.num_parameters(), model.macs() as f64 / 1e9);
        writeln!(f, "{parameters} trainable parameters, {gmacs:.4} GMACs")
    }
}
