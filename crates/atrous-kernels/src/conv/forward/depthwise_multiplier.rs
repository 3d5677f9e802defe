//! Several filters for each channel.

use super::{direct, im2col};
use crate::conv::conditions::depthwise;
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { beats: &[&im2col::VARIANT.entry, &direct::VARIANT.entry], ..Entry::new("depthwise_multiplier") },
    legal: depthwise,
    preferred: |p| require(p.conv.groups > 1, "a single input channel: a dense convolution"),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let y = p.y();
    let kernel = p.bound("conv/depthwise_multiplier", "").sizes([("MULTIPLIER", p.cout_g)]);
    kernel.invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target()).map(NodePlan::from)
}
