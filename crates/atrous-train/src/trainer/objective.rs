//! What a network is trained for, as data.

use atrous_graph::{
    DType, Graph, GraphError, NodeId, Op, Shape,
    op::{Binary, Reduce, Unary},
};
use serde::{Deserialize, Serialize};

use crate::loss::{self, CrossEntropyLoss, Reduction, RegionLoss};

/// Name of the input that holds the labels, `N×H×W×1` (of whole pictures `N×1×1×1`), u32.
pub(super) const LABELS: &str = "labels";
/// Name of the input that holds the class weights, `1×1×1×C`.
pub(super) const CLASS_WEIGHTS: &str = "class_weights";

/// A loss of logits and class labels. In files it is a table with a `type`: `type = "cross-entropy"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// [`loss::cross_entropy`], the mean over labels that count.
    CrossEntropy {
        /// Share of the target that goes to all classes alike, in 0..=1.
        #[serde(default)]
        smoothing: f32,
    },
    /// Cross-entropy with one weight per class.
    WeightedCrossEntropy {
        /// The weights; as many as there are classes.
        weights: Vec<f32>,
        /// Share of the target that goes to all classes alike, in 0..=1.
        #[serde(default)]
        smoothing: f32,
    },
    /// [`loss::bce_with_logits`] of each class for itself: one against all others.
    BinaryCrossEntropy {},
    /// [`loss::focal`].
    Focal {
        /// How much less the easy ones count.
        #[serde(default = "default_gamma")]
        gamma: f32,
    },
    /// [`loss::dice`] over all classes.
    Dice {
        /// Added to numerator and denominator.
        #[serde(default)]
        smooth: f32,
    },
    /// [`loss::jaccard`] over all classes.
    Jaccard {
        /// Added to numerator and denominator.
        #[serde(default)]
        smooth: f32,
    },
    /// A weighted sum.
    Sum {
        /// The parts, at least one. At most one of them has class weights.
        parts: Vec<LossPart>,
    },
}

/// One part of a [`Loss::Sum`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossPart {
    /// Its factor.
    pub weight: f32,
    /// The loss.
    pub loss: Loss,
}

const fn default_gamma() -> f32 {
    2.0
}

impl Default for Loss {
    fn default() -> Self {
        Self::CrossEntropy { smoothing: 0.0 }
    }
}

impl Loss {
    /// The class weights, wherever they stand.
    pub(super) fn class_weights(&self) -> Option<&[f32]> {
        match self {
            Self::WeightedCrossEntropy { weights, .. } => Some(weights),
            Self::Sum { parts } => parts.iter().find_map(|part| part.loss.class_weights()),
            _ => None,
        }
    }

    /// Checks the numbers for a network of so many classes.
    pub(super) fn validate(&self, classes: usize) -> Result<(), String> {
        let not_negative = |name: &str, v: f32| match v >= 0.0 && v.is_finite() {
            true => Ok(()),
            false => Err(format!("{name} must be finite and not negative, got {v}")),
        };
        let share = |v: f32| match (0.0..=1.0).contains(&v) {
            true => Ok(()),
            false => Err(format!("smoothing must lie in 0..=1, got {v}")),
        };
        match self {
            Self::CrossEntropy { smoothing } => share(*smoothing),
            Self::WeightedCrossEntropy { weights, .. } if weights.len() != classes => {
                Err(format!("there are {classes} classes, got {} class weights", weights.len()))
            }
            Self::WeightedCrossEntropy { weights, smoothing } => {
                weights.iter().try_for_each(|w| not_negative("class weights", *w))?;
                share(*smoothing)
            }
            Self::BinaryCrossEntropy {} => Ok(()),
            Self::Focal { gamma } => not_negative("gamma", *gamma),
            Self::Dice { smooth } | Self::Jaccard { smooth } => not_negative("smooth", *smooth),
            Self::Sum { parts } if parts.is_empty() => Err("a sum must have at least one part".to_owned()),
            Self::Sum { parts } if parts.iter().filter(|p| p.loss.class_weights().is_some()).count() > 1 => {
                Err("at most one part of a sum can have class weights".to_owned())
            }
            Self::Sum { parts } => parts.iter().try_for_each(|part| {
                not_negative("the weight of a part", part.weight)?;
                part.loss.validate(classes)
            }),
        }
    }

    /// Adds the loss of `logits` to a graph; the result is `1×1×1×1`. Labels equal to `ignore` do not count.
    pub(super) fn add(
        &self,
        graph: &mut Graph,
        name: &str,
        logits: NodeId,
        labels: NodeId,
        ignore: u32,
    ) -> Result<NodeId, GraphError> {
        let classes = graph.shape(logits).c;
        let ignored = Some(ignore);
        let entropy = |smoothing: f32, weights: Option<NodeId>| CrossEntropyLoss {
            ignore: ignored,
            smoothing,
            weights,
            reduction: Reduction::Mean,
        };
        let region = |smooth: f32| RegionLoss { multiclass: true, smooth, ignore: ignored };
        match self {
            Self::CrossEntropy { smoothing } => {
                loss::cross_entropy(graph, name, logits, labels, &entropy(*smoothing, None))
            }
            Self::WeightedCrossEntropy { smoothing, .. } => {
                let weights = match graph.find(CLASS_WEIGHTS) {
                    Ok(weights) => weights,
                    Err(_) => graph.input(CLASS_WEIGHTS, Shape::channels(classes), DType::F32)?,
                };
                loss::cross_entropy(graph, name, logits, labels, &entropy(*smoothing, Some(weights)))
            }
            Self::BinaryCrossEntropy {} => {
                let one_hot = Op::OneHot { classes, ignore: ignored };
                let targets = graph.add(&format!("{name}.targets"), one_hot, &[labels])?;
                let each = loss::bce_with_logits(graph, name, [logits, targets], [None; 2], Reduction::None)?;
                mean_of_counted(graph, name, each, labels, ignored)
            }
            Self::Focal { gamma } => loss::focal(graph, name, [logits, labels], *gamma, ignored, Reduction::Mean),
            Self::Dice { smooth } => loss::dice(graph, name, logits, labels, &region(*smooth)),
            Self::Jaccard { smooth } => loss::jaccard(graph, name, logits, labels, &region(*smooth)),
            Self::Sum { parts } => {
                let part = |(i, part): (usize, &LossPart)| {
                    let loss = part.loss.add(graph, &format!("{name}.{i}"), logits, labels, ignore)?;
                    Ok((loss, part.weight))
                };
                let parts = parts.iter().enumerate().map(part).collect::<Result<Vec<_>, GraphError>>()?;
                loss::weighted_sum(graph, name, &parts)
            }
        }
    }
}

/// The mean of a loss per element over the elements of labels that count; 0 if there are none.
fn mean_of_counted(
    graph: &mut Graph,
    name: &str,
    each: NodeId,
    labels: NodeId,
    ignore: Option<u32>,
) -> Result<NodeId, GraphError> {
    let classes = graph.shape(each).c;
    let mut add = |what: &str, op: Op, inputs: &[NodeId]| graph.add(&format!("{name}.{what}"), op, inputs);
    let counts = add("counts", Op::LabelWeight { classes, ignore }, &[labels])?;
    let counted = add("counted", Op::Binary(Binary::Mul), &[each, counts])?;
    let sums = add("sums", Op::Reduce(Reduce::SUM_NHW), &[counted])?;
    let sum = add("sum", Op::ChannelSum, &[sums])?;
    let count = add("count", Op::Reduce(Reduce::SUM_NHW), &[counts])?;
    let mean = add("mean", Op::Binary(Binary::DivNoNan), &[sum, count])?;
    add("per_class", Op::Unary(Unary::Affine { scale: 1.0 / classes as f32, shift: 0.0 }), &[mean])
}
