//! One filter for each channel, in strips where that pays.

use super::{depthwise_multiplier, direct, im2col};
use crate::conv::conditions::depthwise;
use crate::conv::depthwise_strips::strips;
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        beats: &[&depthwise_multiplier::VARIANT.entry, &im2col::VARIANT.entry, &direct::VARIANT.entry],
        ..Entry::new("depthwise")
    },
    legal: |p| depthwise(p).and(require(p.cout_g == 1, "several filters a channel")),
    preferred: |_| Ok(()),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let (y, padding) = (p.y(), &p.conv.padding);
    let dispatch = strips(p, [padding.top, padding.left], false)
        .unwrap_or_else(|| p.bound("conv/depthwise", "").invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target()));
    dispatch.map(NodePlan::from)
}
