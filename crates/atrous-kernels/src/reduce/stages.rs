//! The variants of a reduction, which differ in how they combine slabs.

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::target::Target;
use crate::variant::{Admission, Entry, Family, General, Variant, Variants, require};

/// The stages of a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stages {
    /// One: each result is a single slab.
    Single,
    /// Two: a workgroup combines the slabs of each result.
    Workgroups,
    /// Two: an invocation combines the slabs of each result.
    Invocations,
}

/// The family of reductions.
pub(crate) enum Reductions {}

impl Family for Reductions {
    type Problem<'a> = Reduction<'a>;
}

/// A reduction of values that are cut into slabs.
pub(crate) struct Reduction<'a> {
    /// Number of windows that the values are read through.
    pub(super) windows: usize,
    /// Number of slabs of each window.
    pub(super) slabs: usize,
    pub(super) target: &'a Target,
    /// Makes the dispatches of these stages. With a single stage there is one slab.
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

/// Whether workgroups can combine slabs.
fn workgroup_fits(target: &Target) -> Admission {
    require(target.limits.workgroup_memory >= 4096, "needs 4096 bytes of workgroup memory")
}

/// Whether workgroups combine slabs faster than single invocations.
fn workgroup_pays(slabs: usize, target: &Target) -> Admission {
    require(!target.software, "barriers are slow on a software adapter")
        .and(require(slabs >= 64, "fewer than 64 slabs"))
}

/// Whether a workgroup, not an invocation, combines this many slabs of each output.
pub(crate) fn by_workgroup(slabs: usize, target: &Target) -> bool {
    workgroup_fits(target).and(workgroup_pays(slabs, target)).is_ok()
}
