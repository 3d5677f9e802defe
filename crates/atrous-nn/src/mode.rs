//! What a graph is built for.

/// Whether a graph is for inference or for training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Batch normalisation uses its running statistics.
    #[default]
    Inference,
    /// Batch normalisation uses the statistics of the batch, and the graph computes the new running statistics.
    Training,
}
