//! The adapter that a plan is made for.

use std::collections::BTreeMap;
use std::sync::Arc;

use atrous_graph::{Op, TensorType};

use crate::choice::{Choice, Choices};
use crate::key::key;
use crate::limits::Limits;
use crate::tile::Tile;

/// The cooperative matrices that a device multiplies: square ones of 8 or 16 rows, with sums in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cooperative {
    /// Invocations of every subgroup, the same in all kernels.
    pub lanes: u32,
    /// Rows of f16 matrices, if the device multiplies them.
    pub f16: Option<u32>,
    /// Rows of f32 matrices, if the device multiplies them.
    pub f32: Option<u32>,
}

/// The adapter a plan is made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The device's limits.
    pub limits: Limits,
    /// Whether the adapter is a CPU. Workgroup barriers are slow there, so kernels without barriers come first.
    pub software: bool,
    /// Whether the device converts f16 in words (`SHADER_F16_IN_F32`), so that tensors can be stored in f16.
    pub f16: bool,
    /// The cooperative matrices that kernels may use, if the device was opened for them.
    pub cooperative: Option<Cooperative>,
    /// Invocations of every subgroup, if kernels may exchange values within subgroups: on software adapters alone, where that takes the
    /// place of loads.
    pub subgroup: Option<u32>,
    /// The variant to use wherever it is legal, preferred or not: for tests, benchmarks and tuning. A name that [no
    /// family knows](crate::known_variant) makes every plan an error.
    pub variant: Option<&'static str>,
    /// The tile to use wherever the variant is linked for it.
    pub tile: Option<Tile>,
    /// Variants whose results were wrong on this adapter, by name, with the reason. Others serve in their place, unless one is asked for by
    /// name.
    pub avoided: Option<Arc<BTreeMap<&'static str, String>>>,
    /// Measured choices for operations. Not used if a variant or a tile is asked for.
    pub choices: Option<Arc<Choices>>,
}

impl Target {
    /// An adapter of these limits without f16 and cooperative matrices, for which kernels are chosen by default rules.
    pub const fn new(limits: Limits, software: bool) -> Self {
        Self {
            limits,
            software,
            f16: false,
            cooperative: None,
            subgroup: None,
            variant: None,
            tile: None,
            avoided: None,
            choices: None,
        }
    }

    /// The same adapter, asked for this variant and tile.
    pub fn with(&self, choice: Choice) -> Self {
        Self { variant: Some(choice.variant), tile: choice.tile, avoided: self.avoided.clone(), choices: None, ..*self }
    }

    /// Whether a variant is not used on this adapter.
    pub fn avoids(&self, variant: &str) -> bool {
        self.avoided.as_ref().is_some_and(|avoided| avoided.contains_key(variant))
    }

    /// The measured choice for an operation, unless a variant or a tile is asked for.
    pub(crate) fn choice(
        &self,
        op: &Op,
        inputs: impl Iterator<Item = TensorType>,
        output: TensorType,
    ) -> Option<Choice> {
        let choices = self.choices.as_ref().filter(|_| self.variant.is_none() && self.tile.is_none())?;
        if choices.is_empty() {
            return None;
        }
        choices.get(&key(op, inputs, output)).map(|found| found.choice).filter(|choice| !self.avoids(choice.variant))
    }
}
