//! Losses of classes: one of several, or several independent ones.

use atrous_graph::op::{CrossEntropy, OneHot, Unary};
use atrous_graph::{Graph, GraphError, NodeId, Op};

use super::{Losses, Reduction};

/// Options of a cross-entropy or negative log-likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropyLoss {
    /// The label whose pixels do not count; 255 in most segmentation datasets.
    pub ignore: Option<u32>,
    /// Label smoothing: share of the target that is distributed equally over all classes (Szegedy et al. 2016), in 0..=1.
    pub smoothing: f32,
    /// One weight per class, `1×1×1×C`. With [`Reduction::Mean`] the sum is divided by the weights of the labels that count.
    pub weights: Option<NodeId>,
    /// How the losses of pixels are reduced.
    pub reduction: Reduction,
}

/// Softmax cross-entropy: PyTorch's `CrossEntropyLoss`, Keras' `SparseCategoricalCrossentropy(from_logits=True)`.
///
/// # Errors
/// If the shapes do not fit, or the smoothing lies outside of 0..=1.
pub fn cross_entropy(
    graph: &mut Graph,
    name: &str,
    logits: NodeId,
    labels: NodeId,
    how: &CrossEntropyLoss,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let inputs: Vec<NodeId> = [logits, labels].into_iter().chain(how.weights).collect();
    let op = CrossEntropy { ignore: how.ignore, smoothing: how.smoothing };
    let loss = l.add(Op::CrossEntropy(op), &inputs)?;
    if how.reduction != Reduction::Mean {
        return l.reduce(loss, how.reduction);
    }
    let classes = l.graph.shape(logits).c;
    let weight = l.label_weight(classes, how.ignore, labels, how.weights)?;
    l.reduce_weighted(loss, weight, Reduction::Mean)
}

/// Negative log-likelihood of log-probabilities: PyTorch's `NLLLoss`. Label smoothing is ignored.
///
/// # Errors
/// If the shapes do not fit.
pub fn nll(
    graph: &mut Graph,
    name: &str,
    log_probabilities: NodeId,
    labels: NodeId,
    how: &CrossEntropyLoss,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let classes = l.graph.shape(log_probabilities).c;
    let hot = l.add(Op::OneHot(OneHot { classes, ignore: how.ignore }), &[labels])?;
    let picked = l.times(log_probabilities, hot)?;
    let picked = l.add(Op::ChannelSum, &[picked])?;
    let weight = l.label_weight(classes, how.ignore, labels, how.weights)?;
    let loss = l.times(picked, weight)?;
    let loss = l.affine(loss, -1.0, 0.0)?;
    l.reduce_weighted(loss, weight, how.reduction)
}

/// Binary cross-entropy of logits `x` with targets `t` in 0..=1, element by element: PyTorch's `BCEWithLogitsLoss`,
/// `weight * ((1 - t) * x + (1 + (pos_weight - 1) * t) * softplus(-x))`. `weight` and `pos_weight` broadcast.
///
/// # Errors
/// If the shapes do not fit.
pub fn bce_with_logits(
    graph: &mut Graph,
    name: &str,
    [logits, targets]: [NodeId; 2],
    [weight, pos_weight]: [Option<NodeId>; 2],
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let mut loss = binary_cross_entropy(&mut l, logits, targets, pos_weight)?;
    if let Some(weight) = weight {
        loss = l.times(loss, weight)?;
    }
    l.reduce(loss, reduction)
}

/// The loss of [`bce_with_logits`] for each element, without `weight`.
pub(super) fn binary_cross_entropy(
    l: &mut Losses<'_>,
    logits: NodeId,
    targets: NodeId,
    pos_weight: Option<NodeId>,
) -> Result<NodeId, GraphError> {
    let (have, want) = (l.graph.shape(targets), l.graph.shape(logits));
    if have != want {
        let reason = format!("the targets must be {want} as the logits, got {have}");
        return Err(GraphError::Invalid { op: "bce_with_logits", node: l.name.to_owned(), reason });
    }
    let negative = l.affine(logits, -1.0, 0.0)?;
    let mut positive_loss = l.unary(Unary::Softplus, negative)?;
    if let Some(weight) = pos_weight {
        let excess = l.affine(weight, 1.0, -1.0)?;
        let excess = l.times(targets, excess)?;
        let factor = l.affine(excess, 1.0, 1.0)?;
        positive_loss = l.times(positive_loss, factor)?;
    }
    let absent = l.affine(targets, -1.0, 1.0)?;
    let linear = l.times(logits, absent)?;
    l.plus(linear, positive_loss)
}
