//! Reductions over channels.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Sum over channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelSum;

impl Definition for ChannelSum {
    fn name(&self) -> &'static str {
        "channel_sum"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(TensorType::image(Shape { c: 1, ..inputs[0].shape }))
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }
}

/// Channel of the largest value, the lowest on a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArgMax;

impl Definition for ArgMax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(TensorType::map(Shape { c: 1, ..inputs[0].shape }))
    }
}
