//! Mirrored images.

use crate::TensorType;
use crate::op::definition::Definition;

/// Mirrors rows and/or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flip {
    /// Reverse the order of rows.
    pub vertical: bool,
    /// Reverse the order of columns.
    pub horizontal: bool,
}

impl Definition for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        let axes = [(self.vertical, "rows"), (self.horizontal, "columns")];
        axes.iter().filter(|(on, _)| *on).map(|(_, axis)| *axis).collect::<Vec<_>>().join(" ")
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }
}
