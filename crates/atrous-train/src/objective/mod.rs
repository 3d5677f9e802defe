//! Objectives: which targets a training needs, and the loss that it computes from them and the network's outputs.
//!
//! An [`Objective`] adds its loss to the graph of a network, as operations of the graph. This module has ready-made ones; any function of
//! this form is an objective, too:
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

mod heads;
mod labelled;
mod loss;
mod ready;

use atrous_graph::{NodeId, Op, op::Reduce};

use crate::data::TargetSpec;
use crate::metrics::Metric;

pub use crate::context::{Given, LossContext, ObjectiveError, SAMPLE_WEIGHTS};
pub use heads::Heads;
pub use labelled::Labelled;
pub use loss::{Loss, LossPart};
pub use ready::{Difference, Distillation, MultiLabel, Regression, SoftLabels};

/// The goal of a training.
pub trait Objective: Send + Sync {
    /// Adds the loss to the graph: one f32, `1×1×1×1`. `cx` has the outputs; targets that it is asked for become inputs of the graph.
    ///
    /// # Errors
    /// [`ObjectiveError`] if an output or target is missing, or of another kind or shape.
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError>;

    /// Adds the weight of a batch's loss in the mean over a validation: one f32, `1×1×1×1`. By default the number of samples.
    ///
    /// # Errors
    /// As [`Self::loss`].
    fn count(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let weights = cx.sample_weights()?;
        Ok(cx.graph.add("samples", Op::Reduce(Reduce::SUM_NHW), &[weights])?)
    }

    /// The metrics of validations with this objective, for data with these targets.
    fn metrics(&self, _targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        Vec::new()
    }

    /// The objective with all of its options as one line of text. It is stored in checkpoints; a training is resumed only with the same
    /// text.
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
