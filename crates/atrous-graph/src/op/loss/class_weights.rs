//! Class weights, an input of losses.

use crate::op::check;
use crate::{Shape, TensorType};

/// Checks that there is one weight for each class.
pub(super) fn check(weights: Option<&TensorType>, classes: usize) -> Result<(), String> {
    weights.map_or(Ok(()), |ty| check::shape("the class weights", ty.shape, Shape::channels(classes)))
}
