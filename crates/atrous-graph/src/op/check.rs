//! Checks that shape rules share.

use crate::{Shape, TensorType};

/// Refuses another shape than the one that is wanted.
pub(super) fn shape(what: &str, got: Shape, wanted: Shape) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what} must be {wanted}, got {got}")) }
}

/// The type of `x`, once `dy` is known to have the shape of the forward result `y`.
pub(super) fn gradient(x: TensorType, y: TensorType, dy: TensorType) -> Result<TensorType, String> {
    shape("dy", dy.shape, y.shape)?;
    Ok(x)
}

/// The type of the image of `h×w` pixels that `dy` is the gradient of something of.
pub(super) fn image(dy: TensorType, h: usize, w: usize) -> Result<TensorType, String> {
    if h == 0 || w == 0 {
        return Err(format!("the image must be at least 1×1, got {h}×{w}"));
    }
    Ok(TensorType::image(Shape { h, w, ..dy.shape }))
}
