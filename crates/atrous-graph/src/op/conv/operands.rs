//! Checks of the filters and biases of convolutions.

use crate::{Shape, TensorType};

pub(super) fn channels_error(weight: Shape, groups: usize, needs: usize, got: usize) -> String {
    format!("weight {weight} with {groups} groups needs {needs} input channels, got {got}")
}

pub(super) fn check_bias(bias: Option<&TensorType>, channels: usize) -> Result<(), String> {
    match bias {
        Some(b) if b.shape != Shape::channels(channels) => {
            Err(format!("the bias must be {}, got {}", Shape::channels(channels), b.shape))
        }
        _ => Ok(()),
    }
}
