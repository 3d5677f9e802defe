//! One dispatch, and all dispatches of one node.

use std::borrow::Cow;

use atrous_graph::TensorType;
use atrous_shaders::Shader;

use crate::choice::Choice;
use crate::error::PlanError;
use crate::tile::Tile;

/// Invocations in a workgroup of every kernel with a linear grid that does not say otherwise; none has more.
pub(crate) const GROUP: u32 = 64;

/// Which tensor of a node a binding shows.
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
    /// What the maker of the node's first input measured, see [`NodePlan::strips`].
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
    /// Values of what the text declares: pipeline constants, or words of its [table](Self::table).
    pub overrides: Vec<(&'static str, f64)>,
    /// What it binds, by binding index; but for the table, which comes last.
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

    /// The table of sizes that the kernel reads, whole vec4s; none if its sizes are pipeline constants.
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

/// A better variant and why it did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined {
    /// The variant's name.
    pub variant: &'static str,
    /// Why it declined.
    pub reason: &'static str,
}

/// Pixels of a map that one kernel invocation, or workgroup, makes: of each strip it can tell the statistics while it has them at
/// hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strips {
    /// Pixels that strips are cut from: those of a row, or all.
    pub row: usize,
    /// Pixels of a strip; the last one of a row may have fewer.
    pub len: usize,
    /// Index of the scratch tensor: of each strip the first value, the mean of the distances from it, and the sum of the squared
    /// distances from that mean, vectors over the channels.
    pub scratch: usize,
}

impl Strips {
    /// How many strips a map of so many pixels has.
    pub const fn count(&self, pixels: usize) -> u64 {
        (pixels / self.row) as u64 * self.row.div_ceil(self.len) as u64
    }

    /// Bytes of all statistics, over `c4` vec4s of channels.
    pub const fn bytes(&self, pixels: usize, c4: usize) -> u64 {
        self.count(pixels) * 3 * c4 as u64 * 16
    }
}

/// All that computes one node, or one part of it.
#[derive(Clone, Debug, Default)]
pub struct NodePlan {
    /// Name of the variant that serves, such as `implicit_gemm_tiled`.
    pub variant: &'static str,
    /// The tile it works in, if it has one.
    pub tile: Option<Tile>,
    /// Variants that come before it, with their reasons.
    pub declined: Vec<Declined>,
    /// Dispatches in order. Empty if the result is the first input itself.
    pub dispatches: Vec<Dispatch>,
    /// Bytes of each scratch tensor.
    pub scratch: Vec<u64>,
    /// Constant tables, as the bits of f32 or u32 values; each a multiple of 4 long.
    pub constants: Vec<Vec<u32>>,
    /// The input that the result is written over: one that [dies](crate::Part::dies).
    pub in_place: Option<usize>,
    /// The strips of the result whose statistics are written to scratch memory beside it, if it is to be [measured](crate::Part::measured)
    /// and the kernel can.
    pub strips: Option<Strips>,
}

impl NodePlan {
    /// A plan of one dispatch.
    pub fn single(variant: &'static str, dispatch: Dispatch) -> Self {
        Self { variant, ..dispatch.into() }
    }

    /// A plan of none: the result is the first input itself.
    pub(crate) fn alias() -> Self {
        Self { variant: "alias", ..Self::default() }
    }

    /// How it computes the node.
    pub const fn choice(&self) -> Choice {
        Choice { variant: self.variant, tile: self.tile }
    }
}

impl From<Dispatch> for NodePlan {
    /// A plan of one dispatch, whose variant has no name yet.
    fn from(dispatch: Dispatch) -> Self {
        Self { dispatches: vec![dispatch], ..Self::default() }
    }
}

/// A grid of at least `groups` workgroups, spread over x and y so that neither passes `max_workgroups`.
///
/// Kernels recover the number of a workgroup as `id.y * num_workgroups.x + id.x` and stop at `groups`.
///
/// # Errors
/// [`PlanError::Limit`] if even two dimensions are too few, or if the numbers of 64 invocations in each of the grid's
/// workgroups pass 32 bits.
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
