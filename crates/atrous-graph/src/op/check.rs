//! Checks that shape rules share.

use crate::{Shape, TensorType};

/// Checks that a shape is `wanted`; `what` names the tensor in the error.
pub(super) fn shape(what: &str, got: Shape, wanted: Shape) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what} must be {wanted}, got {got}")) }
}

/// The type of `x`, after a check that `dy` has the shape of the forward result `y`.
pub(super) fn gradient(x: TensorType, y: TensorType, dy: TensorType) -> Result<TensorType, String> {
    shape("dy", dy.shape, y.shape)?;
    Ok(x)
}

/// The type of an image of `h×w` pixels with the samples and channels of `dy`. Fails if `h` or `w` is 0.
pub(super) fn image(dy: TensorType, h: usize, w: usize) -> Result<TensorType, String> {
    if h == 0 || w == 0 {
        return Err(format!("the image must be at least 1×1, got {h}×{w}"));
    }
    Ok(TensorType::image(Shape { h, w, ..dy.shape }))
}
