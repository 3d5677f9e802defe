//! Depthwise transposed convolutions with one filter for each channel, in strips where these serve.

use atrous_shaders::conv::transposed_depthwise;

use super::{direct, phase, tiled};
use crate::conv::depthwise_strips::strips;
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        beats: &[&tiled::VARIANT.entry, &phase::VARIANT.entry, &direct::VARIANT.entry],
        ..Entry::new("transposed_depthwise")
    },
    legal: |p| require(p.cin_g == 1 && p.cout_g == 1, "not one filter a channel"),
    preferred: |_| Ok(()),
    plan,
};

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    // At stride 1 the adjoint is a convolution with the filter read back to front. Its padding is the filter's reach
    // less the forward padding.
    let [down, right] = p.conv.dilation.map(|dilation| 2 * dilation);
    let rest = down.checked_sub(p.conv.padding.top).zip(right.checked_sub(p.conv.padding.left));
    if let Some(dispatch) = rest.and_then(|(top, left)| strips(p, [top, left], true)) {
        return dispatch.map(NodePlan::from);
    }
    let y = p.y();
    // Runs of four outputs that lie `stride` apart.
    let stride = p.conv.stride[1].min(y.w);
    let runs = y.w.div_ceil(4 * stride) * stride;
    let call = transposed_depthwise::call(
        transposed_depthwise::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
        },
        transposed_depthwise::Constants { geometry: p.geometry(), epilogue: p.epilogue(0) },
        transposed_depthwise::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    Kernel::from(call).invocations(y.n * y.h * runs * p.o4(), p.target()).map(NodePlan::from)
}
