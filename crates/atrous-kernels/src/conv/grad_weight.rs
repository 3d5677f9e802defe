//! The gradient of a convolution with respect to its filter, in two stages of fixed order.
//!
//! The first stage cuts the sum over the pixels of `dy` into slabs and writes a filter of partial sums for each, the second adds
//! the slabs up. Tensors larger than a binding are read through windows, one dispatch each.

mod region;

use atrous_graph::op::{Conv2d, Conv2dGradWeight, Padding};
use atrous_graph::{DType, Shape};
use atrous_shaders::find;

use crate::kernel::{Candidate, Kernel, axes, choose, is_sized, require, vec4s};
use crate::{Binding, Dispatch, NodePlan, PlanError, Problem, Slot, Target};

use super::tile::Tile;
use region::{Region, regions, window};

/// Bytes of partial sums, unless a single filter takes more.
const PARTIAL_BYTES: u64 = 32 << 20;

/// Terms that are summed before the sum is put away.
const BLOCK: usize = 256;

/// Pixels of one step of the kernel in workgroup memory.
const STEP: usize = 16;

/// Invocations in a workgroup of the kernel in register tiles.
const GROUP: usize = 16;

/// The variants that may serve a filter's gradient, in the order of preference on a GPU.
pub const GRAD_WEIGHT_VARIANTS: &[&str] =
    &["grad_weight_depthwise", "grad_weight_tiled", "grad_weight_registers", "grad_weight_direct"];

/// Plans the gradient of a convolution's filter: for depthwise convolutions, in tiles of workgroup memory or registers, or one
/// sum per invocation, which admits everything.
///
/// # Errors
/// [`PlanError::Limit`] if the filter, or one row of an image, does not fit the adapter.
pub fn plan_grad_weight(op: &Conv2dGradWeight, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let p = Gradient::new(op, problem);
    let filter = problem.output.ty.bytes();
    let limit = problem.target.limits.max_binding;
    if filter > limit {
        return Err(PlanError::Limit { what: "bytes in one binding", needs: filter, limit });
    }
    let regions = regions(op, [problem.inputs[0].ty, problem.inputs[1].ty], &problem.target.limits)?;
    let (variant, declined) = choose(problem.target, &p.candidates());
    let stage = Stage::new(&p, variant, &regions);

    // Every region has partial sums of its own while there is room; those that follow add to them.
    let capacity = (limit.min(PARTIAL_BYTES) / filter) as usize;
    let sets = (capacity / stage.slabs).clamp(1, regions.len());
    let single = stage.slabs * sets == 1;
    let partials = Binding { slot: Slot::Scratch(0), offset: 0, size: (stage.slabs * sets) as u64 * filter };
    let mut plan = NodePlan { variant, tile: stage.tile, declined, ..NodePlan::default() };
    for (i, region) in regions.iter().enumerate() {
        let kernel = p.bound(&stage, region).sizes([("ACCUMULATE", usize::from(i >= sets))]);
        let kernel = if single {
            kernel.bind("P_BASE", Slot::Output, &problem.output)
        } else {
            kernel.sizes([("P_BASE", i % sets * stage.slabs * vec4s(problem.output.ty))]).window(partials)
        };
        plan.dispatches.push(stage.dispatch(kernel, &p)?);
    }
    if !single {
        plan.dispatches.push(combine(stage.slabs * sets, partials, problem)?);
        plan.scratch.push(partials.size);
    }
    Ok(plan)
}

/// The dispatch that adds the partial sums up.
fn combine(slabs: usize, partials: Binding, problem: &Problem<'_>) -> Result<Dispatch, PlanError> {
    let (outputs, target) = (vec4s(problem.output.ty), problem.target);
    let shared = slabs >= 64 && !target.software && target.limits.workgroup_memory >= 1024;
    let kernel = Kernel::new("reduce/combine", if shared { "workgroup" } else { "" })
        .sizes([("SLABS", slabs), ("OUTPUTS", outputs), ("MAX", 0), ("DIVISOR", 1), ("P_BASE", 0)])
        .window(partials)
        .bind("Y_BASE", Slot::Output, &problem.output);
    if shared { kernel.groups(outputs as u64, target) } else { kernel.invocations(outputs, target) }
}

/// A filter's gradient in the numbers that its kernels take.
struct Gradient<'a> {
    problem: &'a Problem<'a>,
    conv: Conv2d,
    kernel: [usize; 2],
    /// Channels of one group.
    cin_g: usize,
    cout_g: usize,
}

impl<'a> Gradient<'a> {
    fn new(op: &Conv2dGradWeight, problem: &'a Problem<'a>) -> Self {
        let Conv2dGradWeight { conv, kernel } = *op;
        let [cin, cout] = [0, 1].map(|i| problem.inputs[i].ty.shape.c);
        Self { problem, conv, kernel, cin_g: cin / conv.groups, cout_g: cout / conv.groups }
    }

    fn shape(&self, input: usize) -> Shape {
        self.problem.inputs[input].ty.shape
    }

    fn target(&self) -> &Target {
        self.problem.target
    }

    /// Vec4s of one group's channels.
    fn cg4(&self) -> usize {
        self.cin_g.div_ceil(4)
    }

    fn og4(&self) -> usize {
        self.cout_g.div_ceil(4)
    }

    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// The variants in the order of preference.
    fn candidates(&self) -> [Candidate; 4] {
        let (conv, limits) = (&self.conv, &self.target().limits);
        let once = require(self.cin_g == 1 && self.cout_g == 1, "not one filter a channel");
        let aligned = conv.groups == 1 || (self.cin_g.is_multiple_of(4) && self.cout_g.is_multiple_of(4));
        let whole = require(aligned, "a group is not a multiple of 4 channels")
            .and(require(conv.groups <= limits.max_workgroups as usize, "more groups than layers of a grid"));
        let memory = require(limits.workgroup_memory >= 8 << 10, "the tile passes the workgroup memory");
        let hardware = require(!self.target().software, "a barrier is slow on a software adapter");
        let filled = require(self.cg4() >= 4 && self.og4() >= 4, "a group has too few channels to fill a tile");
        [
            Candidate::new("grad_weight_depthwise", once),
            Candidate { variant: "grad_weight_tiled", legal: whole.and(memory), preferred: hardware.and(filled) },
            Candidate::new("grad_weight_registers", whole),
            Candidate::new("grad_weight_direct", Ok(())),
        ]
    }

    /// Whether all pixels are one long row.
    fn pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.conv.stride == [1, 1] && self.conv.padding == Padding::NONE
    }

    /// The first stage's kernel on one region, with the image and the gradient bound.
    fn bound(&self, stage: &Stage, region: &Region) -> Kernel {
        let inputs = self.problem.inputs;
        let limits = &self.target().limits;
        let (x, x_base) = window(Slot::Input(0), &inputs[0], &region.n, &region.x_rows, limits);
        let (dy, dy_base) = window(Slot::Input(1), &inputs[1], &region.n, &region.rows, limits);
        let shader = find(stage.name, &stage.axes);
        let declares = |constant: &str| shader.is_some_and(|shader| shader.takes(constant));
        let rows = self.rows(region);
        let units = stage.units(&rows);
        let (conv, o4) = (&self.conv, self.shape(1).c.div_ceil(4));
        let constants = [
            ("H", rows.h),
            ("W", rows.w),
            ("C4", self.shape(0).c.div_ceil(4)),
            ("CG4", self.cg4()),
            ("OH", rows.oh),
            ("OW", rows.ow),
            ("O4", o4),
            ("OG4", self.og4()),
            ("KH", self.kernel[0]),
            ("KW", self.kernel[1]),
            ("STRIDE_H", conv.stride[0]),
            ("STRIDE_W", conv.stride[1]),
            ("DILATION_H", conv.dilation[0]),
            ("DILATION_W", conv.dilation[1]),
            ("PAD_TOP", region.top),
            ("PAD_LEFT", conv.padding.left),
            ("GROUPS", conv.groups),
            ("CIN_G", self.cin_g),
            ("COUT_G", self.cout_g),
            ("SLABS", stage.slabs),
            ("PER_SLAB", stage.per_slab),
            ("BLOCK", (BLOCK / rows.segment()).max(1)),
            ("UNITS", units),
            ("PIXELS", units),
            ("SEGMENTS", rows.segments()),
            ("SEGMENT", rows.segment()),
            ("X_BASE", x_base),
            ("DY_BASE", dy_base),
        ];
        let constants = constants.into_iter().filter(|(name, _)| declares(name));
        let kernel = Kernel::new(stage.name, &stage.axes);
        constants.fold(kernel, |kernel, (name, value)| kernel.set(name, value as f64)).window(x).window(dy)
    }

    /// A region's image and gradient as rows; pixels of a 1×1 convolution are one.
    fn rows(&self, region: &Region) -> Rows {
        let (x, dy) = (self.shape(0), self.shape(1));
        let n = region.n.len();
        let (h, oh) = (region.x_rows.len(), region.rows.len());
        if self.pointwise() {
            let pixels = n * h * x.w;
            return Rows { n: 1, h: 1, w: pixels, oh: 1, ow: pixels };
        }
        Rows { n, h, w: x.w, oh, ow: dy.w }
    }
}

/// Sizes of an image and of the gradient above it.
struct Rows {
    n: usize,
    h: usize,
    w: usize,
    oh: usize,
    ow: usize,
}

impl Rows {
    /// Pieces that a row of the gradient is cut into.
    fn segments(&self) -> usize {
        self.ow.div_ceil(BLOCK)
    }

    /// Columns of a piece.
    fn segment(&self) -> usize {
        self.ow.div_ceil(self.segments())
    }
}

/// How the first stage runs.
struct Stage {
    name: &'static str,
    axes: String,
    tile: Option<Tile>,
    /// Slabs of a region and the units of each: pixels for the kernel in workgroup memory, pieces of rows for the others.
    slabs: usize,
    per_slab: usize,
    /// Invocations or workgroups of one slab in one layer of the grid.
    work: usize,
}

impl Stage {
    fn new(p: &Gradient<'_>, variant: &str, regions: &[Region]) -> Self {
        let o4 = p.shape(1).c.div_ceil(4);
        let software = p.target().software;
        let half = (p.problem.inputs[0].ty.dtype == DType::F16, "half");
        let mut tile = None;
        let (name, axes, work, busy) = match variant {
            "grad_weight_depthwise" => {
                let row3 = p.kernel[1] == 3;
                let taps = if row3 { p.kernel[0] } else { p.taps() };
                ("conv/grad_weight_depthwise", axes(&[(row3, "row3"), half]), taps * o4, 1 << 15)
            }
            "grad_weight_tiled" => {
                let fit = |c4: usize| if c4 > 8 { 64 } else { 32 };
                let filled = Tile { m: fit(p.cg4()), n: fit(p.og4()) };
                let Tile { m, n } = *tile.insert(Tile::asked(p.target(), Tile::WORKGROUP).unwrap_or(filled));
                let tiles = p.cg4().div_ceil(m / 4) * p.og4().div_ceil(n / 4);
                (
                    "conv/grad_weight_tiled",
                    axes(&[half, (true, &format!("TILE_I={m},TILE_O={n}"))]),
                    p.taps() * tiles,
                    512,
                )
            }
            "grad_weight_registers" => {
                let tile = tile.insert(Tile::largest_in_registers(4 * p.cg4(), p.og4(), p.target()));
                let work = p.taps() * tile.count(4 * p.cg4(), p.og4());
                let name = "conv/grad_weight_registers";
                let sized = (is_sized(name, p.target()), "sized");
                (name, axes(&[sized, half, (true, &tile.axes())]), work, 1 << 15)
            }
            _ => ("conv/grad_weight_direct", axes(&[half]), p.taps() * 4 * p.cg4() * o4, 1 << 16),
        };
        let mut stage = Self { name, axes, tile, slabs: 1, per_slab: 1, work };
        // The first region is as large as any other.
        let rows = p.rows(&regions[0]);
        let (pixels, units) = (rows.n * rows.oh * rows.ow, stage.units(&rows));
        let busy = if software { 1 << 10 } else { busy };
        let filter = p.problem.output.ty.bytes();
        let room = (PARTIAL_BYTES.min(p.target().limits.max_binding) / filter) as usize;
        let slabs = (busy / (work * stage.layers(p)).max(1)).min(pixels / 32).min(room).min(units).max(1);
        stage.per_slab = units.div_ceil(slabs);
        if stage.tiled() {
            stage.per_slab = stage.per_slab.next_multiple_of(STEP);
        }
        stage.slabs = units.div_ceil(stage.per_slab);
        stage
    }

    fn tiled(&self) -> bool {
        self.name == "conv/grad_weight_tiled"
    }

    /// Layers of the grid: groups of channels, for the kernels that make tiles.
    fn layers(&self, p: &Gradient<'_>) -> usize {
        if self.tiled() || self.name == "conv/grad_weight_registers" { p.conv.groups } else { 1 }
    }

    fn units(&self, rows: &Rows) -> usize {
        rows.n * rows.oh * if self.tiled() { rows.ow } else { rows.segments() }
    }

    fn dispatch(&self, kernel: Kernel, p: &Gradient<'_>) -> Result<Dispatch, PlanError> {
        let (work, target) = (self.work * self.slabs, p.target());
        let dispatch = match self.name {
            "conv/grad_weight_tiled" => kernel.groups(work as u64, target),
            "conv/grad_weight_registers" => kernel.groups(work.div_ceil(GROUP) as u64, target),
            _ => kernel.invocations(work, target),
        }?;
        let [gx, gy, _] = dispatch.grid;
        Ok(Dispatch { grid: [gx, gy, self.layers(p) as u32], ..dispatch })
    }
}
