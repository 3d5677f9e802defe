//! Operations on labels, one u32 per pixel (or per sample, as a `1×1` image).

use crate::{Shape, TensorType};

/// Cross-entropy of logits with labels, pixel by pixel and not reduced. With `p` the softmax over channels, `w` the class weights
/// (1 without), `ε` the label smoothing and `t` the label, a pixel's loss is
/// `(1-ε) * w[t] * -ln p[t] + ε/C * Σ_c w[c] * -ln p[c]`: PyTorch's `CrossEntropyLoss` with `reduction="none"`.
///
/// A pixel whose label is the ignored one, or not below `C`, has loss and gradient 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// The label that does not count.
    pub ignore: Option<u32>,
    /// `ε`, in 0..=1.
    pub smoothing: f32,
}

impl CrossEntropy {
    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(0.0..=1.0).contains(&self.smoothing) {
            return Err(format!("the label smoothing must lie in 0..=1, got {}", self.smoothing));
        }
        let logits = inputs[0].shape;
        let pixels = Shape { c: 1, ..logits };
        check("the labels", inputs[1].shape, pixels)?;
        check_weights(inputs.get(2), logits.c)?;
        Ok(TensorType::image(pixels))
    }

    pub(super) fn infer_grad(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut forward = inputs.to_vec();
        let dy = forward.remove(2);
        let y = self.infer(&forward)?;
        check("dy", dy.shape, y.shape)?;
        Ok(inputs[0])
    }
}

pub(super) fn infer_one_hot(classes: usize, inputs: &[TensorType]) -> Result<TensorType, String> {
    let labels = check_labels(classes, inputs)?;
    Ok(TensorType::image(Shape { c: classes, ..labels }))
}

pub(super) fn infer_weight(classes: usize, inputs: &[TensorType]) -> Result<TensorType, String> {
    check_weights(inputs.get(1), classes)?;
    check_labels(classes, inputs).map(TensorType::image)
}

fn check_labels(classes: usize, inputs: &[TensorType]) -> Result<Shape, String> {
    if classes == 0 {
        return Err("there must be at least one class".to_owned());
    }
    let labels = inputs[0].shape;
    check("the labels", labels, Shape { c: 1, ..labels })?;
    Ok(labels)
}

fn check_weights(weights: Option<&TensorType>, classes: usize) -> Result<(), String> {
    weights.map_or(Ok(()), |ty| check("the class weights", ty.shape, Shape::channels(classes)))
}

fn check(what: &str, got: Shape, wanted: Shape) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what} must be {wanted}, got {got}")) }
}
