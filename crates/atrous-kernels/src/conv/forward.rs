//! Kernels for the convolution.

use atrous_graph::op::Padding;

use super::cooperative;
use super::depthwise::strips;
use super::problem::ConvProblem;
use super::split_k::{self, Cut};
use super::tile::{TILE_BYTES, Tile};
use crate::kernel::{Candidate, choose, require, vec4_bytes};
use crate::{Binding, Dispatch, NodePlan, PlanError, Slot, Target};

/// Bytes of the column matrix that im2col makes at a time, if it can.
const COLUMN_BYTES: u64 = 32 << 20;

/// The variants that may serve a convolution, in the order of preference on a GPU.
pub const CONV2D_VARIANTS: &[&str] = &[
    "depthwise",
    "depthwise_multiplier",
    "stem",
    "cooperative",
    "gemm_split",
    "gemm_tiled",
    "gemm_registers",
    "implicit_gemm_split",
    "implicit_gemm_tiled",
    "implicit_gemm_registers",
    "im2col",
    "direct",
];

type Reason = Result<(), &'static str>;

/// Plans a convolution, best kernel first: depthwise, few channels, cooperative matrices, GEMM, implicit GEMM (in workgroup memory, in
/// registers), explicit im2col, and the direct sum, which admits everything.
pub(super) fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let (variant, declined) = choose(p.target(), &candidates(p));
    let plan = match variant {
        "depthwise" => single(variant, depthwise(p)),
        "depthwise_multiplier" => single(variant, depthwise_multiplier(p)),
        "stem" => stem(p, variant),
        "cooperative" => cooperative::plan(p),
        "gemm_split" => split_k::plan(p, variant, "conv/gemm_tiled"),
        "gemm_tiled" => gemm(p, variant, true),
        "gemm_registers" => gemm(p, variant, false),
        "implicit_gemm_split" => split_k::plan(p, variant, "conv/implicit_gemm_tiled"),
        "implicit_gemm_tiled" => implicit_gemm(p, variant, true),
        "implicit_gemm_registers" => implicit_gemm(p, variant, false),
        "im2col" => im2col(p),
        _ => single("direct", p.bound("conv/direct", "").invocations(p.pixels() * p.o4(), p.target())),
    }?;
    Ok(NodePlan { declined, in_place: p.in_place(), ..plan })
}

fn single(variant: &'static str, dispatch: Result<Dispatch, PlanError>) -> Result<NodePlan, PlanError> {
    dispatch.map(|dispatch| NodePlan::single(variant, dispatch))
}

/// The variants in the order of preference. The reasons tell what is impossible from what is merely slower.
fn candidates(p: &ConvProblem<'_>) -> [Candidate; 12] {
    let (conv, limits) = (&p.conv, &p.target().limits);
    let software = p.target().software;

    let depthwise = require(p.cin_g == 1, "not one input channel a group");
    let once = depthwise.and(require(p.cout_g == 1, "several filters a channel"));
    let grouped = require(conv.groups > 1, "a single input channel: a dense convolution");

    let pointwise = require(p.kernel == [1, 1], "the filter is not 1×1")
        .and(require(conv.stride == [1, 1], "the stride is not 1"))
        .and(require(conv.padding == Padding::NONE, "the image is padded"))
        .and(require(conv.groups == 1, "several groups"));
    let whole = require(p.groups_are_whole(), "a group is not a multiple of 4 channels")
        .and(require(conv.groups <= limits.max_workgroups as usize, "more groups than layers of a grid"));
    let few =
        require(conv.groups == 1, "several groups").and(require(p.cin_g <= 4, "the image has more than 4 channels"));
    let wide = require(p.og4() > 1, "too few output channels to fill a tile");
    let memory = require(limits.workgroup_memory >= TILE_BYTES, "the tile passes the workgroup memory");
    let hardware = require(!software, "a barrier is slow on a software adapter");
    let filled = require(conv.groups == 1 || p.og4() >= 4, "a group has too few output channels to fill a tile");
    // A value is loaded again for every tile of output channels.
    let bare = require(p.fused.prologue.is_none(), "it does not compute a function of the image");

    let cut = if memory.is_ok() { Cut::of(p) } else { None };
    let several = require(!p.half(), "partial sums would be rounded to f16")
        .and(require(cut.is_some(), "the sum, or the memory for partial ones, is too short to be cut"));
    let pays = Cut::pays(cut);

    let columns = require(conv.groups == 1, "several groups")
        .and(require(column_row(p) <= limits.max_binding, "one row of columns passes the binding limit"));
    let explicit: Reason = Err("the columns need not be stored");

    let candidate = |variant, legal, preferred| Candidate { variant, legal, preferred };
    [
        candidate("depthwise", once, Ok(())),
        candidate("depthwise_multiplier", depthwise, grouped),
        candidate("stem", few.and(bare), wide),
        candidate("cooperative", cooperative::legal(p).and(whole).and(bare), filled),
        candidate("gemm_split", pointwise.and(memory).and(bare).and(several), hardware.and(pays)),
        candidate("gemm_tiled", pointwise.and(memory).and(bare), hardware),
        candidate("gemm_registers", pointwise.and(bare), Ok(())),
        candidate("implicit_gemm_split", whole.and(memory).and(bare).and(several), hardware.and(filled).and(pays)),
        candidate("implicit_gemm_tiled", whole.and(memory).and(bare), hardware.and(filled)),
        candidate("implicit_gemm_registers", whole.and(bare), Ok(())),
        candidate("im2col", columns.and(bare), explicit),
        candidate("direct", Ok(()), Ok(())),
    ]
}

fn depthwise(p: &ConvProblem<'_>) -> Result<Dispatch, PlanError> {
    let (y, padding) = (p.y(), &p.conv.padding);
    strips(p, [padding.top, padding.left], false)
        .unwrap_or_else(|| p.bound("conv/depthwise", "").invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target()))
}

fn depthwise_multiplier(p: &ConvProblem<'_>) -> Result<Dispatch, PlanError> {
    let y = p.y();
    p.bound("conv/depthwise_multiplier", "")
        .sizes([("MULTIPLIER", p.cout_g)])
        .invocations(y.n * y.h * y.w.div_ceil(4) * p.o4(), p.target())
}

fn stem(p: &ConvProblem<'_>, variant: &'static str) -> Result<NodePlan, PlanError> {
    let (y, o4) = (p.y(), p.o4());
    let tile = Tile::of_stem(o4, p.target());
    let tiles = y.n * y.h * y.w.div_ceil(tile.m) * o4.div_ceil(tile.n / 4);
    let p = p.measuring(y.w, tile.m);
    let kernel = p.bound("conv/stem", &format!("TILE_N={}", tile.n)).sizes([("CHANNELS", p.cin_g)]);
    let dispatch = kernel.groups(tiles.div_ceil(32) as u64, p.target())?;
    Ok(p.single(variant, tile, dispatch))
}

/// End of the name, tile and workgroups of a GEMM kernel for `rows` × `columns` vec4s in `layers`.
fn gemm_kernel(tiled: bool, rows: usize, columns: usize, layers: usize, target: &Target) -> (&'static str, Tile, u64) {
    if tiled {
        let tile = Tile::in_workgroup(Tile::TALL, [rows, columns, layers], target);
        ("tiled", tile, tile.count(rows, columns) as u64)
    } else {
        let tile = Tile::in_registers(rows, columns, layers, target);
        ("registers", tile, tile.register_groups(rows, columns))
    }
}

fn gemm(p: &ConvProblem<'_>, variant: &'static str, tiled: bool) -> Result<NodePlan, PlanError> {
    let (end, tile, groups) = gemm_kernel(tiled, p.pixels(), p.o4(), 1, p.target());
    let p = p.measuring(p.pixels(), tile.m);
    let dispatch = p.matrix(p.bound(&format!("conv/gemm_{end}"), &tile.axes())).groups(groups, p.target())?;
    Ok(p.single(variant, tile, dispatch))
}

fn implicit_gemm(p: &ConvProblem<'_>, variant: &'static str, tiled: bool) -> Result<NodePlan, PlanError> {
    let layers = p.conv.groups;
    let (end, tile, groups) = gemm_kernel(tiled, p.pixels(), p.og4(), layers, p.target());
    let p = p.measuring(p.pixels(), tile.m);
    let dispatch = p.bound(&format!("conv/implicit_gemm_{end}"), &tile.axes()).groups(groups, p.target())?;
    let [x, y, _] = dispatch.grid;
    let dispatch = Dispatch { grid: [x, y, layers as u32], ..dispatch };
    Ok(p.single(variant, tile, dispatch))
}

/// Bytes of one row of the column matrix.
fn column_row(p: &ConvProblem<'_>) -> u64 {
    (p.taps() * p.x().c.div_ceil(4)) as u64 * vec4_bytes(p.problem.inputs[0].ty)
}

/// The column matrix in pieces of rows, each gathered and multiplied before the next.
fn im2col(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    let (inputs, output) = (p.problem.inputs, &p.problem.output);
    let limits = &p.target().limits;
    let most = COLUMN_BYTES.min(limits.max_binding) / column_row(p);
    let rows = (most as usize).clamp(1, p.pixels());
    let columns = Binding { slot: Slot::Scratch(0), offset: 0, size: rows as u64 * column_row(p) };
    let k4 = p.taps() * p.x().c.div_ceil(4);
    let tiled = !p.target().software && limits.workgroup_memory >= TILE_BYTES;

    let mut plan = NodePlan { variant: "im2col", scratch: vec![columns.size], ..NodePlan::default() };
    for first in (0..p.pixels()).step_by(rows) {
        let m = rows.min(p.pixels() - first);
        let gather = p
            .configured("conv/im2col", if p.half() { "half" } else { "" })
            .sizes([("M", m), ("FIRST", first), ("COLUMNS_BASE", 0)])
            .bind("X_BASE", Slot::Input(0), &inputs[0])
            .window(columns);
        plan.dispatches.push(gather.invocations(m * k4, p.target())?);

        let (end, tile, groups) = gemm_kernel(tiled, m, p.o4(), 1, p.target());
        let multiply = p
            .kernel(&format!("conv/gemm_{end}"), &tile.axes())
            .sizes([("M", m), ("K4", k4), ("X_BASE", 0)])
            .window(columns)
            .bind("W_BASE", Slot::Input(1), &inputs[1])
            .place("Y_BASE", output, first)
            .window(Binding { slot: Slot::Output, offset: 0, size: output.bytes() });
        plan.dispatches.push(p.bind_rest(multiply, first).groups(groups, p.target())?);
    }
    Ok(plan)
}
