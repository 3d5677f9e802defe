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
    /// Number of tiles, or of sums, of one slab in one layer of the grid.
    pub(super) work: usize,
    /// Number of those that a workgroup computes.
    pub(super) per_group: usize,
    /// Number of those that keep a GPU busy; a software adapter is with 1024 at most.
    pub(super) busy: usize,
    /// Layers of the grid.
    pub(super) layers: usize,
    /// The units that slabs consist of.
    pub(super) unit: Unit,
}

/// The arguments of a first stage's kernel, which computes partial sums of one region.
pub(super) struct Sums {
    pub(super) geometry: Geometry,
    pub(super) units: Units,
    /// Whether the sums are added to those in `partials`.
    pub(super) accumulate: bool,
    /// The image.
    pub(super) x: Bound,
    /// The gradient of the convolution's result.
    pub(super) dy: Bound,
    pub(super) partials: Bound,
}

/// The units that the sum over the pixels is cut into.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// Pixels, in steps of this many.
    Pixels(usize),
    /// Pieces of rows.
    Pieces,
}

impl Unit {
    /// Number of units of a region.
    pub(super) fn count(self, rows: &Rows) -> usize {
        match self {
            Self::Pixels(_) => rows.pixels(),
            Self::Pieces => rows.n * rows.oh * rows.segments(),
        }
    }
}

/// The slabs that each region is cut into.
#[derive(Clone, Copy)]
pub(super) struct Slabs {
    pub(super) count: usize,
    /// Units of one slab.
    pub(super) units: usize,
}

impl Stage {
    /// As many slabs as keep the adapter busy, of at least 32 pixels each. Together their partial filters have at most
    /// `most` bytes, unless there is a single slab.
    pub(super) fn slabs(&self, p: &Gradient<'_>, most: u64) -> Slabs {
        // No region is larger than the first.
        let rows = p.rows(&p.regions[0]);
        let units = self.unit.count(&rows);
        let busy = if p.target().software { self.busy.min(1 << 10) } else { self.busy };
        let room = (most / p.problem.output.ty.bytes()) as usize;
        let wanted = (busy / (self.work * self.layers).max(1)).min(rows.pixels() / 32).min(room).min(units).max(1);
        let each = units.div_ceil(wanted);
        let each = match self.unit {
            Unit::Pixels(step) => each.next_multiple_of(step),
            Unit::Pieces => each,
        };
        Slabs { count: units.div_ceil(each), units: each }
    }

    /// The dispatch that writes the sums of one region to `partials`, or adds them.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if it exceeds the adapter's limits.
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

    /// How the sum of a region is cut into slabs and units.
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
