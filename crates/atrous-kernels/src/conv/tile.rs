//! Sizes of the tiles that matrix kernels work on.

/// Rows and columns of a tile, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) m: usize,
    pub(super) n: usize,
}

/// Bytes of workgroup memory of the largest tile: 4×65 and 16×16 vec4s.
pub(super) const TILE_BYTES: u32 = (4 * 65 + 16 * 16) * 16;

/// Fewer workgroups than this leave a GPU idle.
const BUSY: usize = 128;

/// Invocations in a workgroup of the kernels in register tiles.
const GROUP: usize = 16;

impl Tile {
    /// The tile in workgroup memory for a product of `rows` × `columns` vec4s, computed `layers` times: as large as the
    /// product fills, and smaller where few workgroups would run.
    pub(super) fn of_workgroup(rows: usize, columns: usize, layers: usize) -> Self {
        let wide = if columns > 8 { 64 } else { 32 };
        let tall = if rows > 32 { 64 } else { 32 };
        let tiles = [Self { m: tall, n: wide }, Self { m: 32, n: wide }, Self { m: 32, n: 32 }];
        let busy = tiles.iter().find(|tile| tile.count(rows, columns) * layers >= BUSY);
        *busy.unwrap_or(&tiles[2])
    }

    /// The tile in the registers of one invocation for a product of `rows` × `columns` vec4s.
    pub(super) fn of_registers(rows: usize, columns: usize) -> Self {
        Self { m: if rows > 4 { 8 } else { 4 }, n: if columns > 1 { 8 } else { 4 } }
    }

    /// Tiles that cover a product.
    pub(super) fn count(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.m) * columns.div_ceil(self.n / 4)
    }

    /// Workgroups that cover a product, one tile an invocation.
    pub(super) fn register_groups(self, rows: usize, columns: usize) -> u64 {
        self.count(rows, columns).div_ceil(GROUP) as u64
    }

    /// The axes' part of a variant's text.
    pub(super) fn axes(self) -> String {
        format!("TILE_M={},TILE_N={}", self.m, self.n)
    }
}
