//! GEMM and implicit GEMM in cooperative matrices.

use atrous_shaders::conv::cooperative;

use crate::conv::conditions::{bare, filled, layered};
use crate::conv::problem::{Conv, ConvProblem};
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::variant::{Admission, Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry::new("cooperative"),
    legal: |p| multiplies(p).and(layered(p)).and(bare(p)),
    preferred: filled,
    plan,
};

/// Subgroups of a workgroup, which share the kernel's tile.
const SUBGROUPS: u32 = 4;

/// Rows of the cooperative matrices for the problem's element type, or the reason why there are none.
fn size(p: &ConvProblem<'_>) -> Result<u32, &'static str> {
    let have = p.target().cooperative.ok_or("the device was not opened for cooperative matrices")?;
    match p.half() {
        true => have.f16.ok_or("the adapter has no cooperative matrices of f16 summed in f32"),
        false => have.f32.ok_or("the adapter has no cooperative matrices of f32"),
    }
}

/// Bytes of workgroup memory: a block of 64 bytes × `4 * size` elements of each operand, with 8 elements of padding for
/// each line, and a matrix of sums for each subgroup.
fn memory(p: &ConvProblem<'_>, size: u32) -> u32 {
    let element = if p.half() { 2 } else { 4 };
    let (tile, step) = (4 * size, 64 / element);
    element * (tile * (step + 8) + step * (tile + 8)) + SUBGROUPS * size * size * 4
}

/// The device has such matrices, and a workgroup is within its limits.
fn multiplies(p: &ConvProblem<'_>) -> Admission {
    let size = size(p)?;
    let (limits, lanes) = (&p.target().limits, p.target().cooperative.map_or(0, |have| have.lanes));
    require(SUBGROUPS * lanes <= limits.max_invocations, "four subgroups pass the invocations of a workgroup")
        .and(require(memory(p, size) <= limits.workgroup_memory, "the tile passes the workgroup memory"))
}

/// One dispatch with a workgroup for each tile.
fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let size = size(p).expect("the variant is legal: a bug of atrous");
    let lanes = p.target().cooperative.map_or(0, |have| have.lanes) as usize;
    let tiles = p.pixels().div_ceil(4 * size as usize) * p.og4().div_ceil(size as usize);
    let call = cooperative::call(
        cooperative::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
            size,
        },
        cooperative::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), lanes },
        cooperative::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    let dispatch = Kernel::from(call).groups(tiles as u64, p.target())?;
    let [x, y, _] = dispatch.grid;
    Ok(Dispatch { grid: [x, y, p.conv.groups as u32], ..dispatch }.into())
}
