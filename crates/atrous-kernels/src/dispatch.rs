//! One dispatch, and all dispatches of one node.

use std::borrow::Cow;

use atrous_graph::TensorType;
use atrous_shaders::Shader;

use crate::choice::Choice;
use crate::error::PlanError;
use crate::tile::Tile;

/// Invocations in a workgroup of kernels with a linear grid, unless they state another number; none has more.
pub(crate) const GROUP: u32 = 64;

/// The tensor of a node that a binding shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The node's input of this index.
    Input(usize),
    /// The node's result.
    Output,
    /// Scratch memory of this index, see [`NodePlan::scratch`].
    Scratch(usize),
    /// A constant table of this index, see [`NodePlan::constants`].
    Constant(usize),
    /// Statistics that were stored with the node's first input, see [`NodePlan::strips`].
    Strips,
}

/// A window of a tensor that a kernel binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The tensor that the window is of.
    pub slot: Slot,
    /// First byte of the window, counted from the tensor's (or part's) first byte; a multiple of the adapter's alignment.
    pub offset: u64,
    /// Bytes of the window, at least 16.
    pub size: u64,
}

impl Binding {
    /// All of a tensor.
    pub const fn whole(slot: Slot, ty: TensorType) -> Self {
        Self { slot, offset: 0, size: ty.bytes() }
    }
}

/// One dispatch of one kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The kernel: borrowed from the catalogue, owned if it is a custom operation's.
    pub shader: Cow<'static, Shader>,
    /// Values of the overrides that the text declares: pipeline constants, or words of its [table](Self::table).
    pub overrides: Vec<(&'static str, f64)>,
    /// Its bindings by index, except the table, which comes last.
    pub bindings: Vec<Binding>,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
}

impl Dispatch {
    /// Values of its pipeline constants.
    pub fn pipeline_constants(&self) -> Vec<(&'static str, f64)> {
        let is_size = |name: &str| self.shader.sizes.iter().any(|(size, _)| *size == name);
        self.overrides.iter().copied().filter(|(name, _)| !is_size(name)).collect()
    }

    /// The table of sizes that the kernel reads, padded to whole vec4s. `None` if its sizes are pipeline constants.
    pub fn table(&self) -> Option<Vec<u32>> {
        let word = |&(size, default): &(&str, u32)| {
            let set = self.overrides.iter().find(|(name, _)| *name == size);
            set.map_or(default, |(_, value)| {
                debug_assert!(*value == f64::from(*value as u32), "{size} is {value}");
                *value as u32
            })
        };
        let mut words: Vec<u32> = self.shader.sizes.iter().map(word).collect();
        words.resize(words.len().next_multiple_of(4), 0);
        Some(words).filter(|words| !words.is_empty())
    }
}

/// A better variant that does not serve, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined {
    /// The variant's name.
    pub variant: &'static str,
    /// Why it declined.
    pub reason: &'static str,
}

/// Strips of a result: pixels that one kernel invocation, or workgroup, computes. It can store the statistics of a
/// strip along with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strips {
    /// Number of pixels that are cut into strips: those of a row, or of the whole result.
    pub row: usize,
    /// Pixels of a strip; the last one of a row may have fewer.
    pub len: usize,
    /// Index of the scratch tensor. For each strip it has three vectors over the channels: the first value, the mean of
    /// the distances from it, and the sum of the squared distances from that mean.
    pub scratch: usize,
}

impl Strips {
    /// Number of strips of a result with this many pixels.
    pub const fn count(&self, pixels: usize) -> u64 {
        (pixels / self.row) as u64 * self.row.div_ceil(self.len) as u64
    }

    /// Bytes of all statistics, for `c4` vec4s of channels.
    pub const fn bytes(&self, pixels: usize, c4: usize) -> u64 {
        self.count(pixels) * 3 * c4 as u64 * 16
    }
}

/// The dispatches that compute one node, or one part of it, and the memory that they need.
#[derive(Clone, Debug, Default)]
pub struct NodePlan {
    /// Name of the variant that serves, such as `implicit_gemm_tiled`.
    pub variant: &'static str,
    /// The tile it works in, if it has one.
    pub tile: Option<Tile>,
    /// Better variants that do not serve, and why.
    pub declined: Vec<Declined>,
    /// Dispatches in order. Empty if the result is the first input itself.
    pub dispatches: Vec<Dispatch>,
    /// Bytes of each scratch tensor.
    pub scratch: Vec<u64>,
    /// Constant tables, as the bits of f32 or u32 values; each a multiple of 4 long.
    pub constants: Vec<Vec<u32>>,
    /// The input that the result is written over. It must be one that [dies](crate::Part::dies).
    pub in_place: Option<usize>,
    /// The strips of the result whose statistics are written to scratch memory, if they are [asked
    /// for](crate::Part::measured) and the kernel can compute them.
    pub strips: Option<Strips>,
}

impl NodePlan {
    /// A plan of one dispatch.
    pub fn single(variant: &'static str, dispatch: Dispatch) -> Self {
        Self { variant, ..dispatch.into() }
    }

    /// A plan without dispatches: the result is the first input itself.
    pub(crate) fn alias() -> Self {
        Self { variant: "alias", ..Self::default() }
    }

    /// The variant and the tile.
    pub const fn choice(&self) -> Choice {
        Choice { variant: self.variant, tile: self.tile }
    }
}

impl From<Dispatch> for NodePlan {
    /// A plan of one dispatch, without a variant's name.
    fn from(dispatch: Dispatch) -> Self {
        Self { dispatches: vec![dispatch], ..Self::default() }
    }
}

/// A grid of at least `groups` workgroups, spread over x and y so that neither exceeds `max_workgroups`.
///
/// Kernels compute the index of a workgroup as `id.y * num_workgroups.x + id.x` and stop at `groups`.
///
/// # Errors
/// [`PlanError::Limit`] if two dimensions are too few, or if the indices of 64 invocations in each workgroup exceed 32
/// bits.
pub fn linear_grid(groups: u64, max_workgroups: u32) -> Result<[u32; 3], PlanError> {
    let most = u64::from(max_workgroups);
    let rows = groups.div_ceil(most).max(1);
    if rows > most {
        return Err(PlanError::Limit { what: "workgroups", needs: groups, limit: most * most });
    }
    let columns = groups.div_ceil(rows).max(1);
    let numbers = (1 << 32) / u64::from(GROUP);
    if rows * columns > numbers {
        return Err(PlanError::Limit { what: "workgroups", needs: groups, limit: numbers });
    }
    Ok([columns as u32, rows as u32, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_refused_where_invocations_pass_32_bits() {
        assert_eq!(linear_grid(0, 65_535), Ok([1, 1, 1]));
        assert_eq!(linear_grid(65_536, 65_535), Ok([32_768, 2, 1]));
        assert!(linear_grid((1 << 26) - 65_535, 65_535).is_ok());
        assert!(linear_grid((1 << 26) + 1, 65_535).is_err());
        assert!(linear_grid(101, 10).is_err());
    }
}
