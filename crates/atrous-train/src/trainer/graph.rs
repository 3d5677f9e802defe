//! The graphs of a training: a step, and the validation.

use std::collections::HashSet;

use atrous_graph::{
    DType, Graph, GraphError, NodeId, Op, Shape,
    autodiff::backward_scaled,
    op::{Binary, Conv2d, Conv2dGradWeight, Reduce, Unary},
    optim::{LossScale, ParameterGroup, Training},
    passes::Precision,
};
use atrous_nn::{Mode, Model, Network};

use super::{TrainError, TrainOptions, objective::LABELS};
use crate::{
    data::{Loader, Task},
    loss::weighted_sum,
};

/// What the data bring to every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataShape {
    /// `N×H×W×C`.
    pub(super) images: Shape,
    /// `N×H×W×1`, of whole pictures `N×1×1×1`.
    pub(super) labels: Shape,
    pub(super) classes: usize,
    /// The label that does not count.
    pub(super) ignore: u32,
}

impl DataShape {
    pub(super) fn of(loader: &Loader) -> Self {
        let [n, h, w, c] = loader.shape();
        let labels = match loader.dataset().task() {
            Task::Classification => Shape::new(n, 1, 1, 1),
            Task::Segmentation => Shape::new(n, h, w, 1),
        };
        let classes = loader.dataset().class_names().len();
        Self { images: Shape::new(n, h, w, c), labels, classes, ignore: loader.options().ignore_label }
    }

    /// Checks that validation data have the same kind of labels; batch and size may differ.
    pub(super) fn check_validation(self, validation: Self) -> Result<(), TrainError> {
        let kind = |data: Self| match data.labels {
            Shape { h: 1, w: 1, .. } if data.images.h * data.images.w > 1 => "pictures",
            _ => "pixels",
        };
        let text =
            |data: Self| format!("{} labelled with {} classes, {} ignored", kind(data), data.classes, data.ignore);
        let (needs, got) = (text(self), text(validation));
        if needs == got { Ok(()) } else { Err(TrainError::Validation { needs, got }) }
    }
}

/// A training step.
#[derive(Clone, Debug)]
pub(super) struct StepGraph {
    /// The network in training mode, its graph extended by loss and gradients.
    pub(super) model: Model,
    pub(super) training: Training,
}

/// A forward pass over validation data with what is summed up over all of them.
#[derive(Clone, Debug)]
pub(super) struct EvaluationGraph {
    /// The network in inference mode, its graph extended by the sums.
    pub(super) model: Model,
    /// Mean loss of the batch, times the labels that count: `1×1×1×1`.
    pub(super) loss_sum: NodeId,
    /// Labels that count: `1×1×1×1`.
    pub(super) count: NodeId,
    /// Labels that count and are among the k largest logits: `1×1×1×1`.
    pub(super) top_k: NodeId,
    /// `1×1×C×C`: target, prediction.
    pub(super) confusion: NodeId,
}

/// Builds the graph of a training step for a device that stores tensors at this precision.
pub(super) fn step_graph(
    network: &dyn Network,
    name: &str,
    data: DataShape,
    options: &TrainOptions,
    precision: Precision,
) -> Result<StepGraph, TrainError> {
    let mut model = build(network, name, data, Mode::Training)?;
    let frozen: Vec<&str> = options.frozen.iter().map(String::as_str).collect();
    model.freeze(&frozen)?;
    let labels = model.graph.input(LABELS, data.labels, DType::U32)?;
    let loss = add_loss(&mut model, labels, data.ignore, options)?;
    let wrt = model.trainable();
    let graph = &mut model.graph;
    let loss_scale = LossScale::add_for(graph, precision, options.loss_scaling)?;
    let gradients = backward_scaled(graph, loss, loss_scale, &wrt, &options.recompute)?;
    let gradients: Vec<(NodeId, NodeId)> =
        wrt.into_iter().zip(gradients).filter_map(|(node, gradient)| Some((node, gradient?))).collect();
    if gradients.is_empty() {
        return Err(TrainError::NothingToTrain { network: name.to_owned() });
    }
    let training = Training {
        loss,
        groups: groups(&model, &gradients, options)?,
        gradients,
        assignments: model.running.iter().map(|update| (update.parameter, update.value)).collect(),
        optimizer: options.optimizer,
        clip_norm: options.clip_norm,
        accumulate: options.accumulate > 1,
        loss_scale,
        totals: Vec::new(),
    };
    Ok(StepGraph { model, training })
}

/// Builds the graph of the validation.
pub(super) fn evaluation_graph(
    network: &dyn Network,
    name: &str,
    data: DataShape,
    options: &TrainOptions,
) -> Result<EvaluationGraph, TrainError> {
    let mut model = build(network, name, data, Mode::Inference)?;
    let labels = model.graph.input(LABELS, data.labels, DType::U32)?;
    let loss = add_loss(&mut model, labels, data.ignore, options)?;
    let logits = model.output();
    let mut sums = Sums { graph: &mut model.graph, classes: data.classes, ignore: Some(data.ignore) };
    let count = sums.count(labels)?;
    let loss_sum = sums.add("loss_sum", Op::Binary(Binary::Mul), &[loss, count])?;
    let top_k = sums.top_k(logits, labels, options.top_k)?;
    let confusion = sums.confusion(logits, labels)?;
    Ok(EvaluationGraph { model, loss_sum, count, top_k, confusion })
}

/// Builds the network and checks that its result goes with the labels.
fn build(network: &dyn Network, name: &str, data: DataShape, mode: Mode) -> Result<Model, TrainError> {
    let model = network.build(name, data.images, mode)?;
    let (output, needs) = (model.output_shape(), Shape { c: data.classes, ..data.labels });
    if output != needs {
        return Err(TrainError::Fit { network: name.to_owned(), output, needs });
    }
    Ok(model)
}

/// Adds the loss over all results of the network.
fn add_loss(model: &mut Model, labels: NodeId, ignore: u32, options: &TrainOptions) -> Result<NodeId, GraphError> {
    let mut losses = Vec::new();
    for (i, output) in model.outputs.iter().enumerate() {
        let (name, weight) = match i {
            0 => ("loss".to_owned(), 1.0),
            _ => (format!("loss.{}", output.name), options.aux_weight),
        };
        losses.push((options.loss.add(&mut model.graph, &name, output.node, labels, ignore)?, weight));
    }
    match losses[..] {
        [(only, _)] => Ok(only),
        _ => weighted_sum(&mut model.graph, "loss.all", &losses),
    }
}

/// Groups by learning rate and decay of the parameters that have a gradient.
fn groups(
    model: &Model,
    gradients: &[(NodeId, NodeId)],
    options: &TrainOptions,
) -> Result<Vec<ParameterGroup>, TrainError> {
    let names: Vec<Vec<&str>> = options.parts.iter().map(|p| p.names.iter().map(String::as_str).collect()).collect();
    let parts: Vec<(&[&str], f64)> = names.iter().zip(&options.parts).map(|(names, p)| (&names[..], p.lr)).collect();
    let mut groups = model.parameter_groups(options.weight_decay, &parts)?;
    let trained: HashSet<NodeId> = gradients.iter().map(|(parameter, _)| *parameter).collect();
    groups.iter_mut().for_each(|group| group.parameters.retain(|p| trained.contains(p)));
    groups.retain(|group| !group.parameters.is_empty());
    Ok(groups)
}

/// Adds what a validation sums up.
struct Sums<'a> {
    graph: &'a mut Graph,
    classes: usize,
    ignore: Option<u32>,
}

impl Sums<'_> {
    fn add(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.graph.add(&format!("validation.{what}"), op, inputs)
    }

    /// 1 for each label that counts, else 0.
    fn counts(&mut self, labels: NodeId) -> Result<NodeId, GraphError> {
        self.add("counts", Op::LabelWeight { classes: self.classes, ignore: self.ignore }, &[labels])
    }

    fn one_hot(&mut self, labels: NodeId, ignore: Option<u32>) -> Result<NodeId, GraphError> {
        self.add("one_hot", Op::OneHot { classes: self.classes, ignore }, &[labels])
    }

    /// How many labels count.
    fn count(&mut self, labels: NodeId) -> Result<NodeId, GraphError> {
        let counts = self.counts(labels)?;
        self.add("count", Op::Reduce(Reduce::SUM_NHW), &[counts])
    }

    /// How many labels that count have at most `k` logits as large as their own, it included.
    fn top_k(&mut self, logits: NodeId, labels: NodeId, k: usize) -> Result<NodeId, GraphError> {
        let affine = |scale: f32, shift: f32| Op::Unary(Unary::Affine { scale, shift });
        let hot = self.one_hot(labels, self.ignore)?;
        let own = self.add("top_k.own_each", Op::Binary(Binary::Mul), &[logits, hot])?;
        let own = self.add("top_k.own", Op::ChannelSum, &[own])?;
        let above = self.add("top_k.above", Op::Binary(Binary::Sub), &[own, logits])?;
        let smaller = self.add("top_k.smaller", Op::Unary(Unary::Step), &[above])?;
        let smaller = self.add("top_k.smaller_count", Op::ChannelSum, &[smaller])?;
        // classes - smaller <= k, between whole numbers
        let margin = self.add("top_k.margin", affine(1.0, k as f32 - self.classes as f32 + 0.5), &[smaller])?;
        let right = self.add("top_k.right", Op::Unary(Unary::Step), &[margin])?;
        let counts = self.counts(labels)?;
        let right = self.add("top_k.counted", Op::Binary(Binary::Mul), &[right, counts])?;
        self.add("top_k", Op::Reduce(Reduce::SUM_NHW), &[right])
    }

    /// The confusion matrix: targets times predictions, both one-hot, summed over all pixels as the gradient of a 1×1
    /// convolution sums.
    fn confusion(&mut self, logits: NodeId, labels: NodeId) -> Result<NodeId, GraphError> {
        let targets = self.one_hot(labels, self.ignore)?;
        let predicted = self.add("predicted", Op::ArgMax, &[logits])?;
        let predicted = self.one_hot(predicted, None)?;
        let op = Conv2dGradWeight { conv: Conv2d::default(), kernel: [1, 1] };
        self.add("confusion", Op::Conv2dGradWeight(op), &[targets, predicted])
    }
}
