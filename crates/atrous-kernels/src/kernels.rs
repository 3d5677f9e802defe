//! What the kernels of an operation are to the rest of the crate.

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;
use crate::variant::Entry;

/// How an operation is computed, implemented for its type in the file of its family. Methods without a body of their own hold for most
/// operations.
pub(crate) trait Kernels {
    /// The variants that may serve, best first; the last one admits everything. Empty where there is nothing to choose.
    fn variants(&self) -> Vec<&'static Entry> {
        Vec::new()
    }

    /// Plans the operation, or a part of it.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the part does not fit the adapter, [`PlanError::Unsupported`] if no kernel admits it.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError>;

    /// What a range of the result needs of each input; none if the range cannot be computed on its own.
    fn cut(&self, _section: &Section<'_>) -> Option<Cut> {
        None
    }

    /// Whether it sums over the whole of its inputs: its kernels bind windows of them on their own.
    fn sums(&self) -> bool {
        false
    }

    /// Whether the result is the first of so many inputs itself.
    fn is_alias(&self, _inputs: usize) -> bool {
        false
    }

    /// Whether all of its kernels write a range of the channels of a wider tensor.
    fn writes_slices(&self) -> bool {
        false
    }

    /// Whether its kernels read one.
    fn reads_slices(&self) -> bool {
        false
    }

    /// Whether it is worth measuring which of the variants is the fastest, and in which tile.
    fn is_worth_measuring(&self) -> bool {
        false
    }
}
