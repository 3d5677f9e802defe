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

    /// The tile in the registers of one invocation for a product of `rows` × `columns` vec4s: as large as the product fills. A
    /// software adapter keeps large tiles in its cache, where a load costs as much as dozens of products; a GPU has registers
    /// for small ones.
    pub(super) fn of_registers(rows: usize, columns: usize, software: bool) -> Self {
        let most = if software { 16 } else { 8 };
        let fit = |size: usize| size.next_power_of_two().clamp(4, most);
        Self { m: fit(rows), n: fit(4 * columns) }
    }

    /// The tile of fewer rows that a product computed `layers` times keeps an adapter busy with.
    pub(super) fn busy(mut self, rows: usize, columns: usize, layers: usize) -> Self {
        while self.m > 4 && self.count(rows, columns) * layers < 2 * GROUP {
            self.m /= 2;
        }
        self
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
