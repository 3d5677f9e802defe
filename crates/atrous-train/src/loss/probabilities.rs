//! Cross-entropy with class probabilities as the target.

use atrous_graph::{Graph, GraphError, NodeId, Op, Shape};

use super::{Losses, Reduction};

/// Options of a cross-entropy with class probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProbabilitiesLoss {
    /// Label smoothing: share of the target that is distributed equally over all classes (Szegedy et al. 2016), in 0..=1.
    pub smoothing: f32,
    /// One weight per class, `1×1×1×C`: factors of the classes' terms. [`Reduction::Mean`] does not divide by them.
    pub class_weights: Option<NodeId>,
    /// One weight per pixel, `N×H×W×1`: factors of the pixels' losses, 0 where a pixel does not count. [`Reduction::Mean`] divides by
    /// their sum, and without them by the number of pixels.
    pub pixel_weights: Option<NodeId>,
    /// How the losses of pixels are reduced.
    pub reduction: Reduction,
}

/// Softmax cross-entropy of logits with probabilities of the same shape, `-Σ_c weight_c * t_c * ln softmax(x)_c` per pixel, where
/// smoothing replaces the target `t` by `(1 - smoothing) * t + smoothing / C`: PyTorch's `CrossEntropyLoss` with class probabilities,
/// Keras' `CategoricalCrossentropy(from_logits=True)`. Gradients flow to the logits and to the target.
///
/// It is not checked that a pixel's probabilities sum to 1. Logits and targets of pixels with weight 0 must still be finite.
///
/// # Errors
/// If the shapes do not fit, or the smoothing lies outside of 0..=1.
pub fn cross_entropy_probabilities(
    graph: &mut Graph,
    name: &str,
    [logits, target]: [NodeId; 2],
    how: &ProbabilitiesLoss,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let shape = l.graph.shape(logits);
    check(&l, shape, target, how)?;
    let mut weights = target;
    if how.smoothing > 0.0 {
        weights = l.affine(weights, 1.0 - how.smoothing, how.smoothing / shape.c as f32)?;
    }
    if let Some(class_weights) = how.class_weights {
        weights = l.times(weights, class_weights)?;
    }
    let log_probabilities = l.add(Op::LogSoftmax, &[logits])?;
    let terms = l.times(log_probabilities, weights)?;
    let sum = l.add(Op::ChannelSum, &[terms])?;
    let loss = l.affine(sum, -1.0, 0.0)?;
    match how.pixel_weights {
        None => l.reduce(loss, how.reduction),
        Some(weight) => {
            let loss = l.times(loss, weight)?;
            l.reduce_weighted(loss, weight, how.reduction)
        }
    }
}

fn check(l: &Losses<'_>, shape: Shape, target: NodeId, how: &ProbabilitiesLoss) -> Result<(), GraphError> {
    let wanted = [
        ("target", Some(target), shape),
        ("class weights", how.class_weights, Shape::channels(shape.c)),
        ("pixel weights", how.pixel_weights, Shape { c: 1, ..shape }),
    ];
    for (what, node, want) in wanted {
        if let Some(got) = node.map(|node| l.graph.shape(node)).filter(|got| *got != want) {
            return Err(l.invalid("cross_entropy_probabilities", format!("the {what} must be {want}, got {got}")));
        }
    }
    if !(0.0..=1.0).contains(&how.smoothing) {
        let reason = format!("smoothing must lie in 0..=1, got {}", how.smoothing);
        return Err(l.invalid("cross_entropy_probabilities", reason));
    }
    Ok(())
}
