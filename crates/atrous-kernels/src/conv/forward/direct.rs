//! One sum for each result.

use crate::conv::problem::Conv;
use crate::dispatch::NodePlan;
use crate::variant::{Entry, General};

pub(super) static VARIANT: General<Conv> = General {
    entry: Entry::new("direct"),
    plan: |p| p.bound("conv/direct", "").invocations(p.pixels() * p.o4(), p.target()).map(NodePlan::from),
};
