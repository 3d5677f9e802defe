//! The first stage: partial sums of every slab.

use atrous_shaders::find;

use super::problem::{BLOCK, Gradient, Rows};
use super::region::{Region, window};
use crate::dispatch::{Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::tile::Tile;

/// How a variant runs the first stage.
pub(super) struct Stage {
    /// Its kernel.
    pub(super) name: &'static str,
    pub(super) axes: String,
    pub(super) tile: Option<Tile>,
    /// Tiles, or sums, of one slab in one layer of the grid.
    pub(super) work: usize,
    /// How many of those a workgroup makes.
    pub(super) per_group: usize,
    /// How many of those keep a GPU busy.
    pub(super) busy: usize,
    /// Layers of the grid.
    pub(super) layers: usize,
    /// What slabs are cut from.
    pub(super) unit: Unit,
}

/// What the sum over the pixels is cut into.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Pixels, so many at a step.
    Pixels(usize),
    /// Pieces of rows.
    Pieces,
}

impl Unit {
    /// How many there are.
    pub(super) fn count(self, rows: &Rows) -> usize {
        match self {
            Self::Pixels(_) => rows.pixels(),
            Self::Pieces => rows.n * rows.oh * rows.segments(),
        }
    }
}

/// The slabs of each region.
#[derive(Clone, Copy)]
pub(super) struct Slabs {
    pub(super) count: usize,
    /// Units of one.
    pub(super) units: usize,
}

impl Stage {
    /// As many slabs as keep the adapter busy, of 32 pixels at least, whose partial filters take `most` bytes together unless there is but
    /// one.
    pub(super) fn slabs(&self, p: &Gradient<'_>, most: u64) -> Slabs {
        // The first region is as large as any other.
        let rows = p.rows(&p.regions[0]);
        let units = self.unit.count(&rows);
        let busy = if p.target().software { 1 << 10 } else { self.busy };
        let room = (most / p.problem.output.ty.bytes()) as usize;
        let wanted = (busy / (self.work * self.layers).max(1)).min(rows.pixels() / 32).min(room).min(units).max(1);
        let each = units.div_ceil(wanted);
        let each = match self.unit {
            Unit::Pixels(step) => each.next_multiple_of(step),
            Unit::Pieces => each,
        };
        Slabs { count: units.div_ceil(each), units: each }
    }

    /// Its kernel on one region, with the image and the gradient bound.
    pub(super) fn kernel(&self, p: &Gradient<'_>, slabs: Slabs, region: &Region) -> Kernel {
        let (inputs, limits) = (p.problem.inputs, &p.target().limits);
        let (x, x_base) = window(Slot::Input(0), &inputs[0], &region.n, &region.x_rows, limits);
        let (dy, dy_base) = window(Slot::Input(1), &inputs[1], &region.n, &region.rows, limits);
        let shader = find(self.name, &self.axes);
        let declares = |constant: &str| shader.is_some_and(|shader| shader.takes(constant));
        let rows = p.rows(region);
        let units = self.unit.count(&rows);
        let constants = [
            ("H", rows.h),
            ("W", rows.w),
            ("C4", p.shape(0).c.div_ceil(4)),
            ("CG4", p.cg4()),
            ("OH", rows.oh),
            ("OW", rows.ow),
            ("O4", p.o4()),
            ("OG4", p.og4()),
            ("KH", p.kernel[0]),
            ("KW", p.kernel[1]),
            ("STRIDE_H", p.conv.stride[0]),
            ("STRIDE_W", p.conv.stride[1]),
            ("DILATION_H", p.conv.dilation[0]),
            ("DILATION_W", p.conv.dilation[1]),
            ("PAD_TOP", region.top),
            ("PAD_LEFT", p.conv.padding.left),
            ("GROUPS", p.conv.groups),
            ("CIN_G", p.cin_g),
            ("COUT_G", p.cout_g),
            ("SLABS", slabs.count),
            ("PER_SLAB", slabs.units),
            ("BLOCK", (BLOCK / rows.segment()).max(1)),
            ("UNITS", units),
            ("PIXELS", units),
            ("SEGMENTS", rows.segments()),
            ("SEGMENT", rows.segment()),
            ("X_BASE", x_base),
            ("DY_BASE", dy_base),
        ];
        let constants = constants.into_iter().filter(|(name, _)| declares(name));
        let kernel = Kernel::new(self.name, &self.axes);
        constants.fold(kernel, |kernel, (name, value)| kernel.set(name, value as f64)).window(x).window(dy)
    }

    /// The dispatch of its kernel over all slabs.
    pub(super) fn dispatch(&self, kernel: Kernel, p: &Gradient<'_>, slabs: Slabs) -> Result<Dispatch, PlanError> {
        let groups = (self.work * slabs.count).div_ceil(self.per_group);
        let dispatch = kernel.groups(groups as u64, p.target())?;
        let [x, y, _] = dispatch.grid;
        Ok(Dispatch { grid: [x, y, self.layers as u32], ..dispatch })
    }
}
