//! What the runs of a session have done.

/// Totals over all runs of a session. A run adds one to each of the first four counters, except to the uploads if its outputs need
/// no input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Uploads of inputs.
    pub uploads: u64,
    /// Compute passes.
    pub passes: u64,
    /// Submits to the queue.
    pub submits: u64,
    /// Buffers mapped for reading.
    pub readbacks: u64,
    /// Dispatches.
    pub dispatches: u64,
}
