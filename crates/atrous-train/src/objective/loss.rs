//! Losses of class labels, as values that can be stored.

use atrous_graph::op::{LabelWeight, OneHot};
use atrous_graph::{
    Graph, GraphError, NodeId, Op, Shape,
    op::{Binary, Reduce, Unary},
};
use serde::{Deserialize, Serialize};

use crate::OptionError;
use crate::context::{LossContext, ObjectiveError};
use crate::data::LABELS;
use crate::loss::{self, CrossEntropyLoss, Reduction, RegionLoss};

/// Name of the input that holds the class weights, `1×1×1×C`, for the target called [`LABELS`]; for other targets it begins with their
/// name and a dot.
const CLASS_WEIGHTS: &str = "class_weights";

/// A loss of logits and class labels. In files it is a table with a `type`: `type = "cross-entropy"`.
///
/// ```
/// use atrous_graph::{Shape, passes::Precision};
/// use atrous_nn::zoo::UNet;
/// use atrous_nn::{Mode, Network};
/// use atrous_train::{Loss, LossPart, Train};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let entropy = LossPart { weight: 1.0, loss: Loss::CrossEntropy { smoothing: 0.1 } };
/// let dice = LossPart { weight: 0.5, loss: Loss::Dice { smooth: 1.0 } };
/// let model = UNet::SMALL.build("cells", Shape::new(4, 32, 32, 3), Mode::Training)?;
/// let step = model.training(Loss::Sum { parts: vec![entropy, dice] }).build(Precision::F32)?;
/// assert_eq!(step.model.graph.shape(step.training.loss), Shape::new(1, 1, 1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// [`loss::cross_entropy`], the mean over labels that count.
    CrossEntropy {
        /// Label smoothing: share of the target that is distributed equally over all classes, in 0..=1.
        #[serde(default)]
        smoothing: f32,
    },
    /// Cross-entropy with one weight per class.
    WeightedCrossEntropy {
        /// One weight for each class.
        weights: Vec<f32>,
        /// Label smoothing: share of the target that is distributed equally over all classes, in 0..=1.
        #[serde(default)]
        smoothing: f32,
    },
    /// [`loss::bce_with_logits`] of each class against all others.
    BinaryCrossEntropy {},
    /// [`loss::focal`].
    Focal {
        /// The exponent gamma, which lowers the weight of well classified elements.
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
    /// Factor of the part.
    pub weight: f32,
    /// The loss that is multiplied by it.
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
    /// The class weights of the loss or of one of its parts.
    fn class_weights(&self) -> Option<&[f32]> {
        match self {
            Self::WeightedCrossEntropy { weights, .. } => Some(weights),
            Self::Sum { parts } => parts.iter().find_map(|part| part.loss.class_weights()),
            _ => None,
        }
    }

    /// Checks the options for a network with this number of classes.
    ///
    /// # Errors
    /// [`OptionError::Loss`].
    pub fn validate(&self, classes: usize) -> Result<(), OptionError> {
        self.check(classes).map_err(OptionError::Loss)
    }

    fn check(&self, classes: usize) -> Result<(), String> {
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
            Self::WeightedCrossEntropy { weights, .. } if weights.iter().all(|weight| *weight == 0.0) => {
                Err("at least one class weight must be above 0".to_owned())
            }
            Self::WeightedCrossEntropy { weights, smoothing } => {
                weights.iter().try_for_each(|w| not_negative("class weights", *w))?;
                share(*smoothing)
            }
            Self::BinaryCrossEntropy {} => Ok(()),
            Self::Focal { gamma } => not_negative("gamma", *gamma),
            Self::Dice { smooth } | Self::Jaccard { smooth } => not_negative("smooth", *smooth),
            Self::Sum { parts } if parts.is_empty() => Err("a sum must have at least one part".to_owned()),
            Self::Sum { parts } if parts.iter().all(|part| part.weight == 0.0) => {
                Err("at least one part of a sum must have a weight above 0".to_owned())
            }
            Self::Sum { parts } if parts.iter().filter(|p| p.loss.class_weights().is_some()).count() > 1 => {
                Err("at most one part of a sum can have class weights".to_owned())
            }
            Self::Sum { parts } => parts.iter().try_for_each(|part| {
                not_negative("the weight of a part", part.weight)?;
                part.loss.check(classes)
            }),
        }
    }

    /// Adds the loss of `logits` to the graph; the result is `1×1×1×1`. Labels equal to the context's ignore label do not count.
    pub(super) fn add(
        &self,
        cx: &mut LossContext<'_>,
        name: &str,
        [logits, labels]: [NodeId; 2],
    ) -> Result<NodeId, ObjectiveError> {
        let classes = cx.shape(logits).c;
        let ignored = Some(cx.ignore_label());
        let entropy = |smoothing: f32, weights: Option<NodeId>| CrossEntropyLoss {
            ignore: ignored,
            smoothing,
            weights,
            reduction: Reduction::Mean,
        };
        let region = |smooth: f32| RegionLoss { multiclass: true, smooth, ignore: ignored };
        let loss = match self {
            Self::CrossEntropy { smoothing } => {
                loss::cross_entropy(cx.graph, name, logits, labels, &entropy(*smoothing, None))
            }
            Self::WeightedCrossEntropy { weights, smoothing } => {
                let input = match cx.graph.node(labels).name.as_str() {
                    LABELS => CLASS_WEIGHTS.to_owned(),
                    target => format!("{target}.{CLASS_WEIGHTS}"),
                };
                let weights = cx.constant(&input, Shape::channels(classes), weights)?;
                loss::cross_entropy(cx.graph, name, logits, labels, &entropy(*smoothing, Some(weights)))
            }
            Self::BinaryCrossEntropy {} => {
                let one_hot = Op::OneHot(OneHot { classes, ignore: ignored });
                let targets = cx.graph.add(&format!("{name}.targets"), one_hot, &[labels])?;
                let each = loss::bce_with_logits(cx.graph, name, [logits, targets], [None; 2], Reduction::None)?;
                mean_of_counted(cx.graph, name, each, labels, ignored)
            }
            Self::Focal { gamma } => loss::focal(cx.graph, name, [logits, labels], *gamma, ignored, Reduction::Mean),
            Self::Dice { smooth } => loss::dice(cx.graph, name, logits, labels, &region(*smooth)),
            Self::Jaccard { smooth } => loss::jaccard(cx.graph, name, logits, labels, &region(*smooth)),
            Self::Sum { parts } => {
                let part = |(i, part): (usize, &LossPart)| {
                    Ok((part.loss.add(cx, &format!("{name}.{i}"), [logits, labels])?, part.weight))
                };
                let parts = parts.iter().enumerate().map(part).collect::<Result<Vec<_>, ObjectiveError>>()?;
                loss::weighted_sum(cx.graph, name, &parts)
            }
        };
        Ok(loss?)
    }
}

/// The mean of the elements' losses over the elements whose labels count; 0 if there are none.
fn mean_of_counted(
    graph: &mut Graph,
    name: &str,
    each: NodeId,
    labels: NodeId,
    ignore: Option<u32>,
) -> Result<NodeId, GraphError> {
    let classes = graph.shape(each).c;
    let mut add = |what: &str, op: Op, inputs: &[NodeId]| graph.add(&format!("{name}.{what}"), op, inputs);
    let counts = add("counts", Op::LabelWeight(LabelWeight { classes, ignore }), &[labels])?;
    let counted = add("counted", Op::Binary(Binary::Mul), &[each, counts])?;
    let sums = add("sums", Op::Reduce(Reduce::SUM_NHW), &[counted])?;
    let sum = add("sum", Op::ChannelSum, &[sums])?;
    let count = add("count", Op::Reduce(Reduce::SUM_NHW), &[counts])?;
    let mean = add("mean", Op::Binary(Binary::DivNoNan), &[sum, count])?;
    add("per_class", Op::Unary(Unary::Affine { scale: 1.0 / classes as f32, shift: 0.0 }), &[mean])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_numbers_are_named() {
        let weighted = |weights: &[f32]| Loss::WeightedCrossEntropy { weights: weights.to_vec(), smoothing: 0.0 };
        let loss = |loss: Loss| loss.validate(3).unwrap_err().to_string();
        assert_eq!(loss(weighted(&[1.0, 2.0])), "loss: there are 3 classes, got 2 class weights");
        assert_eq!(loss(weighted(&[1.0, -2.0, 1.0])), "loss: class weights must be finite and not negative, got -2");
        assert_eq!(loss(Loss::CrossEntropy { smoothing: 1.5 }), "loss: smoothing must lie in 0..=1, got 1.5");
        assert_eq!(loss(Loss::Focal { gamma: -1.0 }), "loss: gamma must be finite and not negative, got -1");
        assert_eq!(loss(Loss::Dice { smooth: f32::NAN }), "loss: smooth must be finite and not negative, got NaN");
        assert_eq!(loss(weighted(&[0.0; 3])), "loss: at least one class weight must be above 0");
        let nothing = LossPart { weight: 0.0, loss: Loss::default() };
        let nothing = Loss::Sum { parts: vec![nothing.clone(), nothing] };
        assert_eq!(loss(nothing), "loss: at least one part of a sum must have a weight above 0");
        assert_eq!(loss(Loss::Sum { parts: vec![] }), "loss: a sum must have at least one part");
        let twice = || LossPart { weight: 1.0, loss: weighted(&[1.0; 3]) };
        assert!(loss(Loss::Sum { parts: vec![twice(), twice()] }).contains("at most one part"));
    }
}
