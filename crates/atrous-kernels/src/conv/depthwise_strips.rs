//! Depthwise convolutions of 3×3 taps and stride 1, and their adjoints, in strips of four columns.

use atrous_shaders::conv::depthwise_strip;

use super::problem::ConvProblem;
use crate::dispatch::Dispatch;
use crate::error::PlanError;
use crate::kernel::Kernel;

/// Largest number of rows of a strip. A strip needs extra loads for its first two rows.
const ROWS: usize = 16;

/// The dispatch of the kernel in strips, or `None` if it does not serve. `offset` is the padding of rows and columns
/// before the image; `flipped` reads the filter back to front.
pub(super) fn strips(p: &ConvProblem<'_>, offset: [usize; 2], flipped: bool) -> Option<Result<Dispatch, PlanError>> {
    let y = p.y();
    let [down, right] = p.conv.dilation;
    // Number of runs of `length` outputs that lie `step` apart.
    let runs = |size: usize, length: usize, step: usize| size.div_ceil(length * step) * step;
    // Sharing inputs halves the loads of a run; runs that extend far beyond the row would waste more.
    let spread = runs(y.w, 4, right) > 2 * runs(y.w, 4, 1) || runs(y.h, 1, down) > 2 * y.h;
    if p.kernel != [3, 3] || p.conv.stride != [1, 1] || spread {
        return None;
    }
    let invocations = |rows: usize| y.n * runs(y.h, rows, down) * runs(y.w, 4, right) * p.o4();
    let busy = if p.target().software { 1 << 11 } else { 1 << 16 };
    let tall = y.h.div_ceil(down);
    let mut strips = tall.div_ceil(ROWS);
    while strips < tall && invocations(tall.div_ceil(strips)) < busy {
        strips += 1;
    }
    let rows = tall.div_ceil(strips);
    Some(kernel(p, offset, rows, flipped).invocations(invocations(rows), p.target()))
}

fn kernel(p: &ConvProblem<'_>, [top, left]: [usize; 2], rows: usize, flipped: bool) -> Kernel {
    let call = depthwise_strip::call(
        depthwise_strip::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
        },
        depthwise_strip::Constants {
            geometry: p.geometry(),
            epilogue: p.epilogue(0),
            prologue: p.prologue(),
            flipped,
            left,
            rows,
            top,
        },
        depthwise_strip::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
