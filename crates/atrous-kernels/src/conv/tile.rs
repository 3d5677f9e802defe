//! The tiles that kernels of convolutions are linked for, and the choice among them.

use crate::target::Target;
use crate::tile::Tile;

/// Bytes of workgroup memory of the largest tile that is planned by default: 4×65 and 16×16 vec4s.
pub(super) const TILE_BYTES: u32 = (4 * 65 + 16 * 16) * 16;

/// Number of workgroups below which a GPU is partly idle.
pub(super) const BUSY: usize = 128;

/// Number of workgroups below which a CPU is partly idle.
const BUSY_CPU: usize = 16;

/// Invocations in a workgroup of the kernels with tiles in registers.
const GROUP: usize = 16;

const fn tile(m: usize, n: usize) -> Tile {
    Tile { m, n }
}

impl Tile {
    /// The tiles in workgroup memory that kernels are linked for.
    pub(super) const WORKGROUP: &[Self] = &[tile(32, 32), tile(32, 64), tile(64, 32), tile(64, 64)];

    /// The tiles in workgroup memory that GEMM and implicit GEMM are linked for. The tall ones, of 128 rows, are never
    /// the default.
    pub(super) const TALL: &[Self] =
        &[tile(32, 32), tile(32, 64), tile(64, 32), tile(64, 64), tile(128, 32), tile(128, 64)];

    /// The tiles in registers that kernels are linked for.
    pub(super) const REGISTERS: &[Self] = &[
        tile(4, 4),
        tile(4, 8),
        tile(4, 16),
        tile(8, 4),
        tile(8, 8),
        tile(8, 16),
        tile(16, 4),
        tile(16, 8),
        tile(16, 16),
    ];

    /// The tiles in registers that the kernel for few input channels is linked for.
    pub(super) const STEM: &[Self] = &[tile(4, 4), tile(8, 8), tile(16, 16)];

    /// The tiles of a workgroup in the kernels whose subgroups share what they load: four columns for each invocation.
    pub(super) const SUBGROUP: &[Self] = &[tile(8, 32), tile(16, 32), tile(32, 32)];

    /// Likewise in the kernel of a filter's gradient, whose rows are input channels.
    pub(super) const SUBGROUP_CHANNELS: &[Self] = &[tile(16, 32), tile(32, 32)];

    /// The tile that the target asks for, if it is in `of`.
    pub(super) fn asked(target: &Target, of: &[Self]) -> Option<Self> {
        target.tile.filter(|tile| of.contains(tile))
    }

    /// The tile in workgroup memory for a product of `rows` × `columns` vec4s, computed `layers` times. It is the one
    /// asked for, if that is in `of` and fits; else the largest that the product fills, or a smaller one if few
    /// workgroups would run.
    pub(super) fn in_workgroup(of: &[Self], [rows, columns, layers]: [usize; 3], target: &Target) -> Self {
        let wide = if columns > 8 { 64 } else { 32 };
        let tall = if rows > 32 { 64 } else { 32 };
        let tiles = [tile(tall, wide), tile(32, wide), tile(32, 32)];
        let busy = tiles.iter().find(|tile| tile.count(rows, columns) * layers >= BUSY);
        Self::asked(target, of).filter(|tile| tile.fits(target)).unwrap_or_else(|| *busy.unwrap_or(&tiles[2]))
    }

    /// The tile in the registers of one invocation for a product of `rows` × `columns` vec4s, computed `layers` times.
    /// It is the one asked for, or [the largest](Self::largest_in_registers), with fewer rows if that keeps the adapter
    /// busy.
    pub(super) fn in_registers(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let mut tile = Self::largest_in_registers(rows, columns, target);
        while tile.m > 4 && tile.count(rows, columns) * layers < 2 * GROUP {
            tile.m /= 2;
        }
        Self::asked(target, Self::REGISTERS).unwrap_or(tile)
    }

    /// The tile in registers that is asked for, or the largest that the product fills. A software adapter keeps large
    /// tiles in its cache, where a load costs as much as dozens of products; a GPU has registers for small tiles only.
    pub(super) fn largest_in_registers(rows: usize, columns: usize, target: &Target) -> Self {
        let most = if target.software { 16 } else { 8 };
        let fit = |size: usize| size.next_power_of_two().clamp(4, most);
        Self::asked(target, Self::REGISTERS).unwrap_or_else(|| tile(fit(rows), fit(4 * columns)))
    }

    /// The tile that subgroups share for a product of `rows` × `columns` vec4s, computed `layers` times: the one asked for, or the largest
    /// that the rows fill, with fewer rows if that keeps the adapter busy.
    pub(super) fn in_subgroups(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let mut largest = tile(rows.next_power_of_two().clamp(8, 32), 32);
        while largest.m > 8 && largest.count(rows, columns) * layers < BUSY_CPU {
            largest.m /= 2;
        }
        Self::asked(target, Self::SUBGROUP).unwrap_or(largest)
    }

    /// The tile that subgroups share for a filter's gradient with so many input channels in a group: the one asked for, or the largest that
    /// they fill.
    pub(super) fn channels_in_subgroups(channels: usize, target: &Target) -> Self {
        Self::asked(target, Self::SUBGROUP_CHANNELS).unwrap_or(tile(if channels > 16 { 32 } else { 16 }, 32))
    }

    /// The tile for few input channels and `columns` vec4s of output channels: the one asked for, or the largest.
    pub(super) fn of_stem(columns: usize, target: &Target) -> Self {
        let side = Self::largest_in_registers(4, columns, target).n;
        Self::asked(target, Self::STEM).unwrap_or(tile(side, side))
    }

    /// Whether a workgroup is within the limits: 64 invocations for each 64 rows, and workgroup memory for `m + 1` rows
    /// of 4 vec4s of the image and 16 rows of `n` channels of the filter.
    fn fits(self, target: &Target) -> bool {
        let (invocations, vec4s) = (self.m.next_multiple_of(64), 4 * (self.m + 1) + 4 * self.n);
        invocations <= target.limits.max_invocations as usize && 16 * vec4s <= target.limits.workgroup_memory as usize
    }

    /// Number of tiles that cover a product.
    pub(super) fn count(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.m) * columns.div_ceil(self.n / 4)
    }

    /// Number of workgroups that cover a product, with a tile for each invocation.
    pub(super) fn register_groups(self, rows: usize, columns: usize) -> u64 {
        self.count(rows, columns).div_ceil(GROUP) as u64
    }
}
