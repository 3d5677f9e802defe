//! The general variant: an invocation sums up one vec4 of the result.

use atrous_shaders::conv::direct;

use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::variant::{Entry, General};

pub(super) static VARIANT: General<Conv> = General { entry: Entry::new("direct"), plan };

fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let call = direct::call(
        direct::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            sized: p.target().software,
            half: p.half(),
        },
        direct::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), prologue: p.prologue() },
        direct::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    Kernel::from(call).invocations(p.pixels() * p.o4(), p.target()).map(NodePlan::from)
}
