//! Metrics of predictions.
//!
//! A [`Metric`] is computed on the device: it adds nodes to the graph of the validation, whose values are summed over all batches, and
//! computes figures from the sums. [`ConfusionMatrix`] and [`TopKAccuracy`] are ready-made, and [`mean()`] makes a metric from a function.
//! [`Confusion`] and [`TopK`] count on the host.

mod counts;
mod labelled;
mod mean;

use atrous_graph::NodeId;

use crate::context::{LossContext, ObjectiveError};

pub use counts::{Confusion, MetricError, TopK};
pub use labelled::{ConfusionMatrix, TopKAccuracy};
pub use mean::{Mean, mean};

/// Figures that are computed from sums over a validation.
pub trait Metric: Send + Sync {
    /// Name of the sums in [`Figures::totals`](crate::Figures::totals).
    fn name(&self) -> String;

    /// Names of the figures in the log. By default one figure with the metric's name.
    fn figures(&self) -> Vec<String> {
        vec![self.name()]
    }

    /// Adds the nodes that are summed over the batches: f32 tensors of any shape. They should not count pictures that pad a batch (see
    /// [`LossContext::sample_weights`]) or ignored labels.
    ///
    /// The sums are read from the device often enough that counts of samples or pixels are exact.
    ///
    /// # Errors
    /// [`ObjectiveError`].
    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError>;

    /// The figures, in the order of [`Self::figures`], computed from the sums, in the order of [`Self::sums`]. `None` if nothing was
    /// counted.
    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>>;
}
