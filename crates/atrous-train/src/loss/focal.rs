//! Focal losses: cross-entropy with smaller weights for well classified elements (Lin et al. 2017).

use atrous_graph::op::{CrossEntropy, Unary};
use atrous_graph::{Graph, GraphError, NodeId, Op};

use super::classification::binary_cross_entropy;
use super::{Losses, Reduction};

/// `(1 - p)^gamma * -ln p` with `p` the softmax probability of the label. Pixels with the ignored label do not count.
///
/// # Errors
/// If the shapes do not fit, or `gamma` is negative.
pub fn focal(
    graph: &mut Graph,
    name: &str,
    [logits, labels]: [NodeId; 2],
    gamma: f32,
    ignore: Option<u32>,
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let entropy = l.add(Op::CrossEntropy(CrossEntropy { ignore, smoothing: 0.0 }), &[logits, labels])?;
    let negative = l.affine(entropy, -1.0, 0.0)?;
    let probability = l.unary(Unary::Exp, negative)?;
    let wrong = l.affine(probability, -1.0, 1.0)?;
    let loss = modulated(&mut l, entropy, wrong, gamma)?;
    let classes = l.graph.shape(logits).c;
    let weight = l.label_weight(classes, ignore, labels, None)?;
    l.reduce_weighted(loss, weight, reduction)
}

/// `alpha_t * (1 - p_t)^gamma * BCE` of logits with targets in 0..=1, where `p_t = p*t + (1-p)*(1-t)` and
/// `alpha_t = alpha*t + (1-alpha)*(1-t)`; no `alpha_t` if `alpha` is negative: torchvision's `sigmoid_focal_loss`.
///
/// # Errors
/// If the shapes do not fit, or `gamma` is negative.
pub fn sigmoid_focal(
    graph: &mut Graph,
    name: &str,
    [logits, targets]: [NodeId; 2],
    [alpha, gamma]: [f32; 2],
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let entropy = binary_cross_entropy(&mut l, logits, targets, None)?;
    // 1 - p_t = p + t - 2pt = p*(1 - 2t) + t
    let p = l.unary(Unary::Sigmoid, logits)?;
    let sign = l.affine(targets, -2.0, 1.0)?;
    let signed = l.times(p, sign)?;
    let wrong = l.plus(signed, targets)?;
    let mut loss = modulated(&mut l, entropy, wrong, gamma)?;
    if alpha >= 0.0 {
        let share = l.affine(targets, 2.0 * alpha - 1.0, 1.0 - alpha)?;
        loss = l.times(loss, share)?;
    }
    l.reduce(loss, reduction)
}

/// `wrong^gamma * entropy`
fn modulated(l: &mut Losses<'_>, entropy: NodeId, wrong: NodeId, gamma: f32) -> Result<NodeId, GraphError> {
    if !(gamma.is_finite() && gamma >= 0.0) {
        let reason = format!("gamma must be finite and not negative, got {gamma}");
        return Err(GraphError::Invalid { op: "focal", node: l.name.to_owned(), reason });
    }
    if gamma == 0.0 {
        return Ok(entropy);
    }
    let function = if gamma == 2.0 { Unary::Square } else { Unary::Pow { exponent: gamma } };
    let factor = l.unary(function, wrong)?;
    l.times(factor, entropy)
}
