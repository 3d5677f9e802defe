//! Depthwise convolutions with one filter for each channel, in strips where these serve.

use atrous_shaders::conv::depthwise;

use super::{depthwise_multiplier, direct, im2col};
use crate::conv::conditions;
use crate::conv::depthwise_strips::strips;
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        beats: &[&depthwise_multiplier::VARIANT.entry, &im2col::VARIANT.entry, &direct::VARIANT.entry],
        ..Entry::new("depthwise")
    },
    legal: |p| conditions::depthwise(p).and(require(p.cout_g == 1, "several filters a channel")),
    preferred: |_| Ok(()),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let (y, padding) = (p.y(), &p.conv.padding);
    let dispatch = strips(p, [padding.top, padding.left], false)
        .unwrap_or_else(|| kernel(p).invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target()));
    dispatch.map(NodePlan::from)
}

fn kernel(p: &ConvProblem<'_>) -> Kernel {
    let call = depthwise::call(
        depthwise::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
        },
        depthwise::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), prologue: p.prologue() },
        depthwise::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
