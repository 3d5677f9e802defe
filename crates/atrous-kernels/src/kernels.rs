//! The interface of an operation's kernels within the crate.

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Problem;
use crate::variant::Entry;

/// How an operation is computed, implemented for its type in the file of its family. Defaults hold for most operations.
pub(crate) trait Kernels {
    /// The variants that may serve, best first; the last one accepts every problem. Empty if there is no choice.
    fn variants(&self) -> Vec<&'static Entry> {
        Vec::new()
    }

    /// Plans the operation, or a part of it.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the part exceeds the adapter's limits, [`PlanError::Unsupported`] if no kernel accepts
    /// it.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError>;

    /// The windows of the inputs that a range of the result needs. `None` if the range cannot be computed on its own.
    fn cut(&self, _section: &Section<'_>) -> Option<Cut> {
        None
    }

    /// Whether the operation sums over the whole of its inputs. Its kernels bind windows of large inputs themselves.
    fn sums(&self) -> bool {
        false
    }

    /// Whether the result is the first input itself if there are this many inputs.
    fn is_alias(&self, _inputs: usize) -> bool {
        false
    }

    /// Whether all of its kernels can write a range of the channels of a wider tensor.
    fn writes_slices(&self) -> bool {
        false
    }

    /// Whether its kernels can read a range of the channels of a wider tensor.
    fn reads_slices(&self) -> bool {
        false
    }

    /// Whether it is worth measuring its variants and tiles.
    fn is_worth_measuring(&self) -> bool {
        false
    }
}
