//! How good predictions are.
//!
//! A [`Metric`] is computed where the network runs: it adds nodes to the graph of the validation, whose values are summed on the
//! device over all batches, and makes figures of the sums. [`ConfusionMatrix`] and [`TopKAccuracy`] are ready-made, [`mean`] makes one
//! of a function. [`Confusion`] and [`TopK`] count on the host.

mod counts;
mod labelled;
mod mean;

use atrous_graph::NodeId;

use crate::objective::{LossContext, ObjectiveError};

pub use counts::{Confusion, MetricError, TopK};
pub use labelled::{ConfusionMatrix, TopKAccuracy};
pub use mean::{Mean, mean};

/// Figures of sums over a validation.
pub trait Metric: Send + Sync {
    /// What the sums are called in [`Figures::totals`](crate::Figures::totals).
    fn name(&self) -> String;

    /// Names of the figures, as the log has them. One figure of the metric's own name, unless it has others.
    fn figures(&self) -> Vec<String> {
        vec![self.name()]
    }

    /// Adds what is summed over the batches: f32 tensors of any shapes, single numbers or histograms. What they hold of pictures that
    /// fill up a batch (see [`LossContext::sample_weights`]) and of labels that do not count should be zero.
    ///
    /// Sums are taken off the device often enough that counts of samples or pixels are exact.
    ///
    /// # Errors
    /// [`ObjectiveError`].
    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError>;

    /// The figures, in the order of their names, of the sums in theirs. `None` where nothing was counted.
    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>>;
}
