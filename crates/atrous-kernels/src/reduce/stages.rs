//! The variants of a reduction: how the slabs that values are cut into become one result.

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::target::Target;
use crate::variant::{Admission, Entry, Family, General, Variant, Variants, require};

/// The stages of a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stages {
    /// One: every result is the sum of a single slab.
    Single,
    /// Two: a workgroup joins the slabs of each result.
    Workgroups,
    /// Two: an invocation joins them.
    Invocations,
}

/// Reductions.
pub(crate) enum Reductions {}

impl Family for Reductions {
    type Problem<'a> = Reduction<'a>;
}

/// A reduction of values that are cut into slabs.
pub(crate) struct Reduction<'a> {
    /// Windows that the values are read through.
    pub(super) windows: usize,
    /// Slabs of each.
    pub(super) slabs: usize,
    pub(super) target: &'a Target,
    /// Makes the dispatches of these stages. There is one slab if there is one stage.
    pub(super) plan: &'a dyn Fn(Stages) -> Result<NodePlan, PlanError>,
}

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Reductions> =
    Variants { best_first: &[&SINGLE_STAGE, &TWO_STAGE_WORKGROUP], last: &TWO_STAGE };

static SINGLE_STAGE: Variant<Reductions> = Variant {
    entry: Entry::new("single_stage"),
    legal: |p| require(p.windows == 1, "more than one binding"),
    preferred: |p| require(p.slabs == 1, "too many values for one invocation"),
    plan: |p| (p.plan)(Stages::Single),
};

static TWO_STAGE_WORKGROUP: Variant<Reductions> = Variant {
    entry: Entry::new("two_stage_workgroup"),
    legal: |p| workgroup_fits(p.target),
    preferred: |p| workgroup_pays(p.slabs * p.windows, p.target),
    plan: |p| (p.plan)(Stages::Workgroups),
};

static TWO_STAGE: General<Reductions> =
    General { entry: Entry::new("two_stage"), plan: |p| (p.plan)(Stages::Invocations) };

/// Whether a workgroup can join slabs.
fn workgroup_fits(target: &Target) -> Admission {
    require(target.limits.workgroup_memory >= 4096, "needs 4096 bytes of workgroup memory")
}

/// Whether it had better join them than a single invocation.
fn workgroup_pays(slabs: usize, target: &Target) -> Admission {
    require(!target.software, "barriers are slow on a software adapter")
        .and(require(slabs >= 64, "fewer than 64 slabs"))
}

/// Whether so many slabs of each output are joined by a workgroup, rather than by an invocation.
pub(crate) fn by_workgroup(slabs: usize, target: &Target) -> bool {
    workgroup_fits(target).and(workgroup_pays(slabs, target)).is_ok()
}
