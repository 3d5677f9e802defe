//! Losses of overlap: dice and jaccard, as in segmentation-models-pytorch.

use atrous_graph::op::{OneHot, Unary};
use atrous_graph::{Graph, GraphError, NodeId, Op};

use super::Losses;

/// Options of a loss of overlap. Scores are computed for each class from sums over batch and pixels. The loss is the mean of `1 - score`
/// over all classes; classes without a label in the batch contribute 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionLoss {
    /// If true, one class per pixel: softmax of the logits with u32 labels. If false, independent channels: sigmoid with targets of 0
    /// and 1.
    pub multiclass: bool,
    /// Added to numerator and denominator.
    pub smooth: f32,
    /// The label whose pixels do not count; only with `multiclass`.
    pub ignore: Option<u32>,
}

/// Lower bound of the denominator.
const EPS: f32 = 1e-7;

/// `1 - (Σ p*y + smooth) / ((Σ p + Σ y) / 2 + smooth)`, the mean over classes (Milletari et al. 2016; `smooth` as in
/// segmentation-models-pytorch since 0.4, where dice is a Tversky score).
///
/// # Errors
/// If the shapes do not fit, or `ignore` is set without `multiclass`.
pub fn dice(
    graph: &mut Graph,
    name: &str,
    logits: NodeId,
    targets: NodeId,
    how: &RegionLoss,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let [both, all, labels] = sums(&mut l, logits, targets, how)?;
    let numerator = l.affine(both, 1.0, how.smooth)?;
    let mean = l.affine(all, 0.5, 0.0)?;
    score(&mut l, numerator, mean, labels, how)
}

/// `1 - (Σ p*y + smooth) / (Σ p + Σ y - Σ p*y + smooth)`, the mean over classes.
///
/// # Errors
/// If the shapes do not fit, or `ignore` is set without `multiclass`.
pub fn jaccard(
    graph: &mut Graph,
    name: &str,
    logits: NodeId,
    targets: NodeId,
    how: &RegionLoss,
) -> Result<NodeId, GraphError> {
    let mut l = Losses::new(graph, name);
    let [both, all, labels] = sums(&mut l, logits, targets, how)?;
    let numerator = l.affine(both, 1.0, how.smooth)?;
    let union = l.minus(all, both)?;
    score(&mut l, numerator, union, labels, how)
}

/// Per class: `Σ p*y`, `Σ p + Σ y`, `Σ y`.
fn sums(l: &mut Losses<'_>, logits: NodeId, targets: NodeId, how: &RegionLoss) -> Result<[NodeId; 3], GraphError> {
    let classes = l.graph.shape(logits).c;
    if !how.multiclass && how.ignore.is_some() {
        let reason = "only labels can be ignored, not targets of 0 and 1".to_owned();
        return Err(GraphError::Unsupported { op: "region loss", node: l.name.to_owned(), reason });
    }
    let (p, y) = if how.multiclass {
        let p = l.add(Op::Softmax, &[logits])?;
        let y = l.add(Op::OneHot(OneHot { classes, ignore: how.ignore }), &[targets])?;
        let counts = l.label_weight(classes, how.ignore, targets, None)?;
        (l.times(p, counts)?, y)
    } else {
        (l.unary(Unary::Sigmoid, logits)?, targets)
    };
    let both = l.times(p, y)?;
    let [both, p, y] = [l.sum_pixels(both)?, l.sum_pixels(p)?, l.sum_pixels(y)?];
    Ok([both, l.plus(p, y)?, y])
}

fn score(
    l: &mut Losses<'_>,
    numerator: NodeId,
    denominator: NodeId,
    labels: NodeId,
    how: &RegionLoss,
) -> Result<NodeId, GraphError> {
    let denominator = l.affine(denominator, 1.0, how.smooth)?;
    let denominator = l.unary(Unary::Clip { low: EPS, high: f32::INFINITY }, denominator)?;
    let score = l.over(numerator, denominator)?;
    let loss = l.affine(score, -1.0, 1.0)?;
    let present = l.unary(Unary::Step, labels)?;
    let loss = l.times(loss, present)?;
    l.reduce(loss, super::Reduction::Mean)
}
