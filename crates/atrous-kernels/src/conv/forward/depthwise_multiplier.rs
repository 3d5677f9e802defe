//! Depthwise convolutions with several filters for each channel.

use atrous_shaders::conv::depthwise_multiplier;

use super::{direct, im2col};
use crate::conv::conditions::depthwise;
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { beats: &[&im2col::VARIANT.entry, &direct::VARIANT.entry], ..Entry::new("depthwise_multiplier") },
    legal: depthwise,
    preferred: |p| require(p.conv.groups > 1, "a single input channel: a dense convolution"),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let y = p.y();
    let call = depthwise_multiplier::call(
        depthwise_multiplier::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
        },
        depthwise_multiplier::Constants {
            geometry: p.geometry(),
            epilogue: p.epilogue(0),
            prologue: p.prologue(),
            multiplier: p.cout_g,
        },
        depthwise_multiplier::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    Kernel::from(call).invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target()).map(NodePlan::from)
}
