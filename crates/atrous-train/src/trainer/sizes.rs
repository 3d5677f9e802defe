//! The steps of a training by their batch sizes: batches that are not full are the last one of an epoch, and those of which samples were
//! skipped.

use std::sync::Arc;

use atrous_gpu::TrainingSession;
use atrous_graph::{Shape, passes::Precision};
use atrous_nn::Network;

use super::{
    TrainError, TrainOptions,
    graph::{DataShape, Recipe},
};
use crate::{objective::Objective, step::TrainingStep};

/// Most sizes other than that of full batches that are kept ready.
pub(super) const KEPT: usize = 2;

/// The steps of a training by their batch sizes. All train the same parameters.
pub(super) struct Sizes {
    pub(super) network: Arc<dyn Network>,
    pub(super) objective: Box<dyn Objective>,
    /// Those of other sizes than full batches, the one used last at the end.
    pub(super) others: Vec<(TrainingStep, TrainingSession)>,
    /// Size of the batch whose result was not taken yet, if it was not full.
    pub(super) pending: Option<usize>,
}

impl Sizes {
    pub(super) fn new(network: Arc<dyn Network>, objective: Box<dyn Objective>) -> Self {
        Self { network, objective, others: Vec::new(), pending: None }
    }
}

/// The step on batches of `n` samples of these data.
pub(super) fn step_of(
    n: usize,
    recipe: Recipe<'_>,
    full: &DataShape,
    options: &TrainOptions,
    precision: Precision,
) -> Result<TrainingStep, TrainError> {
    let data = DataShape { images: Shape { n, ..full.images }, ..full.clone() };
    let fail = |source| TrainError::BatchSize { n, full: full.images.n, source: Box::new(source) };
    recipe.step(&data, options, precision).map_err(fail)
}
