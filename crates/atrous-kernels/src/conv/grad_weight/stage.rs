//! The first stage: partial sums of every slab.

use atrous_shaders::groups::{Geometry, Units};

use super::problem::{BLOCK, Gradient, Rows};
use super::region::{Region, window};
use crate::dispatch::{Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::tile::Tile;

/// How a variant runs the first stage.
pub(super) struct Stage {
    /// Its kernel.
    pub(super) kernel: fn(&Gradient<'_>, Sums) -> Kernel,
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

/// What the kernel of a first stage computes: partial sums of one region.
pub(super) struct Sums {
    pub(super) geometry: Geometry,
    pub(super) units: Units,
    /// Whether they are added to those that are there.
    pub(super) accumulate: bool,
    /// The image.
    pub(super) x: Bound,
    /// The gradient above it.
    pub(super) dy: Bound,
    pub(super) partials: Bound,
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

    /// The dispatch that writes, or adds, the sums of one region to `partials`.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if it does not fit the adapter.
    pub(super) fn dispatch(
        &self,
        p: &Gradient<'_>,
        slabs: Slabs,
        region: &Region,
        accumulate: bool,
        partials: Bound,
    ) -> Result<Dispatch, PlanError> {
        let (inputs, limits) = (p.problem.inputs, &p.target().limits);
        let (x, x_base) = window(Slot::Input(0), &inputs[0], &region.n, &region.x_rows, limits);
        let (dy, dy_base) = window(Slot::Input(1), &inputs[1], &region.n, &region.rows, limits);
        let sums = Sums {
            geometry: p.geometry(region),
            units: self.units(&p.rows(region), slabs),
            accumulate,
            x: Bound::window(x, x_base),
            dy: Bound::window(dy, dy_base),
            partials,
        };
        let groups = (self.work * slabs.count).div_ceil(self.per_group);
        let dispatch = (self.kernel)(p, sums).groups(groups as u64, p.target())?;
        let [x, y, _] = dispatch.grid;
        Ok(Dispatch { grid: [x, y, self.layers as u32], ..dispatch })
    }

    /// How the sums of a region are cut.
    fn units(&self, rows: &Rows, slabs: Slabs) -> Units {
        let count = self.unit.count(rows);
        Units {
            slabs: slabs.count,
            per_slab: slabs.units,
            block: (BLOCK / rows.segment()).max(1),
            units: count,
            pixels: count,
            segments: rows.segments(),
            segment: rows.segment(),
        }
    }
}
