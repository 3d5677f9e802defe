//! What a network is trained for: which targets a training needs, and the loss that it makes of them and the network's outputs.
//!
//! An [`Objective`] adds its loss to the graph of a network, of the same operations as the network itself. Those of this module are
//! ready-made; one of your own is a function:
//!
//! ```
//! use atrous_train::data::TargetKind;
//! use atrous_train::loss::{self, Reduction};
//! use atrous_train::objective::LossContext;
//!
//! let boxes = |cx: &mut LossContext<'_>| {
//!     let found = cx.output_named("boxes")?;
//!     let boxes = cx.target("boxes", TargetKind::Boxes { most: 1 })?;
//!     Ok(loss::smooth_l1(cx.graph, "boxes.loss", [found, boxes], 0.1, Reduction::Mean)?)
//! };
//! # fn takes(_: impl atrous_train::objective::Objective) {}
//! # takes(boxes);
//! ```

mod context;
mod error;
mod given;
mod heads;
mod labelled;
mod loss;
mod ready;

use atrous_graph::{NodeId, Op, op::Reduce};

use crate::data::TargetSpec;
use crate::metrics::Metric;

pub use context::LossContext;
pub(crate) use context::check_scalar;
pub use error::ObjectiveError;
pub use given::{Given, SAMPLE_WEIGHTS};
pub use heads::Heads;
pub use labelled::Labelled;
pub use loss::{Loss, LossPart};
pub use ready::{Difference, Distillation, MultiLabel, Regression, SoftLabels};

/// What a network is trained for.
pub trait Objective: Send + Sync {
    /// Adds the loss to the graph: one f32, `1×1×1×1`. It asks `cx` for the outputs and for the targets it needs, which become inputs
    /// of the graph.
    ///
    /// # Errors
    /// [`ObjectiveError`]: what is asked for is not there, or of another kind or shape.
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError>;

    /// Adds what the loss of a batch counts in means over a validation: one f32, `1×1×1×1`. The number of its samples, unless the
    /// objective knows better.
    ///
    /// # Errors
    /// As [`Self::loss`].
    fn count(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let weights = cx.sample_weights()?;
        Ok(cx.graph.add("samples", Op::Reduce(Reduce::SUM_NHW), &[weights])?)
    }

    /// The metrics that a validation takes of networks with this objective, for data with these targets.
    fn metrics(&self, _targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        Vec::new()
    }

    /// The objective and all of its numbers as one line of text. It stands in checkpoints: a training goes on only with an objective
    /// that has the same.
    fn describe(&self) -> String {
        "loss by a function".to_owned()
    }
}

impl<F> Objective for F
where
    F: Fn(&mut LossContext<'_>) -> Result<NodeId, ObjectiveError> + Send + Sync,
{
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        self(cx)
    }
}
