//! What a plan must know of the adapter it is made for.

use std::sync::Arc;

use atrous_graph::{Op, TensorType};

use crate::choice::{Choice, Choices};
use crate::key::key;
use crate::limits::Limits;
use crate::tile::Tile;

/// What a device multiplies in cooperative matrices: square ones of 8 or 16 rows, summed in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cooperative {
    /// Invocations of every subgroup: the same in all kernels.
    pub lanes: u32,
    /// Rows of matrices of f16, if it multiplies those.
    pub f16: Option<u32>,
    /// Rows of matrices of f32, if it multiplies those.
    pub f32: Option<u32>,
}

/// The adapter a plan is made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The device's limits.
    pub limits: Limits,
    /// The adapter is a CPU: workgroup barriers are expensive, and barrier-free kernels come first.
    pub software: bool,
    /// The device converts f16 in words (`SHADER_F16_IN_F32`), so that tensors can be stored in it.
    pub f16: bool,
    /// The cooperative matrices that serve, where the device was opened for them.
    pub cooperative: Option<Cooperative>,
    /// Serve by this variant wherever it is legal, preferred or not: for tests, benchmarks and tuning. A name that
    /// [no family knows](crate::known_variant) makes every plan an error.
    pub variant: Option<&'static str>,
    /// Work in this tile wherever the variant that serves is linked for it.
    pub tile: Option<Tile>,
    /// How operations that were measured on the adapter are served, unless a variant or a tile is asked for.
    pub choices: Option<Arc<Choices>>,
}

impl Target {
    /// An adapter of these limits without f16 and cooperative matrices, with the kernels that suit it best.
    pub const fn new(limits: Limits, software: bool) -> Self {
        Self { limits, software, f16: false, cooperative: None, variant: None, tile: None, choices: None }
    }

    /// The same adapter, asked to compute everything in one way.
    pub fn with(&self, choice: Choice) -> Self {
        Self { variant: Some(choice.variant), tile: choice.tile, choices: None, ..*self }
    }

    /// What was chosen for an operation, unless something else is asked for.
    pub(crate) fn choice(
        &self,
        op: &Op,
        inputs: impl Iterator<Item = TensorType>,
        output: TensorType,
    ) -> Option<Choice> {
        let choices = self.choices.as_ref().filter(|_| self.variant.is_none() && self.tile.is_none())?;
        if choices.is_empty() { None } else { choices.get(&key(op, inputs, output)).map(|found| found.choice) }
    }
}
