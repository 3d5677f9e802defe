//! Losses, built of the graph's operations, so that autodiff computes their gradients.
//!
//! Each function adds nodes to a graph and returns the loss: `1×1×1×1`, or one value per element with [`Reduction::None`].
//! Logits are `N×H×W×C` (`N×1×1×C` for whole pictures), labels `N×H×W×1` in u32, probabilities `N×H×W×C` in f32.

mod classification;
mod distillation;
mod focal;
mod probabilities;
mod region;
mod regression;

use atrous_graph::op::{Binary, LabelWeight, Reduce, Unary};
use atrous_graph::{Graph, GraphError, NodeId, Op};

pub use classification::{CrossEntropyLoss, bce_with_logits, cross_entropy, nll};
pub use distillation::kl_distillation;
pub use focal::{focal, sigmoid_focal};
pub use probabilities::{ProbabilitiesLoss, cross_entropy_probabilities};
pub use region::{RegionLoss, dice, jaccard};
pub use regression::{huber, l1, mse, smooth_l1};

/// How the losses of elements are reduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The mean. For losses with labels it is the weighted mean over labels that count; 0 if none does.
    #[default]
    Mean,
    /// The sum over all elements.
    Sum,
    /// No reduction: one loss per element.
    None,
}

/// A weighted sum of losses.
///
/// # Errors
/// If there is no loss, or one is not `1×1×1×1`.
pub fn weighted_sum(graph: &mut Graph, name: &str, losses: &[(NodeId, f32)]) -> Result<NodeId, GraphError> {
    let mut sum = None;
    for &(loss, weight) in losses {
        if graph.shape(loss).len() != 1 {
            let reason = format!("\"{}\" is {}, not one number", graph.node(loss).name, graph.shape(loss));
            return Err(GraphError::Invalid { op: "weighted_sum", node: name.to_owned(), reason });
        }
        let term = Losses::new(graph, name).affine(loss, weight, 0.0)?;
        sum = Some(match sum {
            None => term,
            Some(so_far) => graph.add(name, Op::Binary(Binary::Add), &[so_far, term])?,
        });
    }
    sum.ok_or_else(|| {
        let reason = "there must be at least one loss".to_owned();
        GraphError::Invalid { op: "weighted_sum", node: name.to_owned(), reason }
    })
}

/// The sum of all elements.
pub(crate) fn sum(graph: &mut Graph, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
    Losses::new(graph, name).sum_all(x)
}

/// Adds the operations of a loss to a graph, all named after the loss.
struct Losses<'a> {
    graph: &'a mut Graph,
    name: &'a str,
}

impl<'a> Losses<'a> {
    fn new(graph: &'a mut Graph, name: &'a str) -> Self {
        Self { graph, name }
    }

    /// An error of the loss `op`.
    fn invalid(&self, op: &'static str, reason: String) -> GraphError {
        GraphError::Invalid { op, node: self.name.to_owned(), reason }
    }

    fn add(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = format!("{}.{}", self.name, op.name());
        self.graph.add(&name, op, inputs)
    }

    fn unary(&mut self, function: Unary, x: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Unary(function), &[x])
    }

    /// `scale * x + shift`
    fn affine(&mut self, x: NodeId, scale: f32, shift: f32) -> Result<NodeId, GraphError> {
        self.unary(Unary::Affine { scale, shift }, x)
    }

    fn plus(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Binary(Binary::Add), &[a, b])
    }

    fn minus(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Binary(Binary::Sub), &[a, b])
    }

    fn times(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Binary(Binary::Mul), &[a, b])
    }

    fn over(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Binary(Binary::DivNoNan), &[a, b])
    }

    /// Sum over batch, rows and columns.
    fn sum_pixels(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        self.add(Op::Reduce(Reduce::SUM_NHW), &[x])
    }

    /// Sum over all elements.
    fn sum_all(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let mut sum = x;
        let shape = self.graph.shape(x);
        if shape.n * shape.h * shape.w > 1 {
            sum = self.sum_pixels(sum)?;
        }
        if shape.c > 1 { self.add(Op::ChannelSum, &[sum]) } else { Ok(sum) }
    }

    /// Reduces the losses of elements, all with weight 1.
    fn reduce(&mut self, loss: NodeId, reduction: Reduction) -> Result<NodeId, GraphError> {
        let count = self.graph.shape(loss).len();
        match reduction {
            Reduction::None => Ok(loss),
            Reduction::Sum => self.sum_all(loss),
            Reduction::Mean => {
                let sum = self.sum_all(loss)?;
                self.affine(sum, (1.0 / count as f64) as f32, 0.0)
            }
        }
    }

    /// Reduces the losses of pixels; the mean is divided by the sum of the pixels' weights.
    fn reduce_weighted(&mut self, loss: NodeId, weight: NodeId, reduction: Reduction) -> Result<NodeId, GraphError> {
        match reduction {
            Reduction::None => Ok(loss),
            Reduction::Sum => self.sum_all(loss),
            Reduction::Mean => {
                let (sum, weights) = (self.sum_all(loss)?, self.sum_all(weight)?);
                self.over(sum, weights)
            }
        }
    }

    /// The weight of each label; 0 for ignored labels.
    fn label_weight(
        &mut self,
        classes: usize,
        ignore: Option<u32>,
        labels: NodeId,
        weights: Option<NodeId>,
    ) -> Result<NodeId, GraphError> {
        let inputs: Vec<NodeId> = [labels].into_iter().chain(weights).collect();
        self.add(Op::LabelWeight(LabelWeight { classes, ignore }), &inputs)
    }
}
