//! Cross-entropy of each pixel.

use crate::op::check;
use crate::op::definition::Definition;
use crate::{Shape, TensorType};

use super::class_weights;

/// Cross-entropy of logits with labels, pixel by pixel and not reduced. With `p` the softmax over channels, `w` the class weights
/// (1 without), `ε` the label smoothing and `t` the label, a pixel's loss is
/// `(1-ε) * w[t] * -ln p[t] + ε/C * Σ_c w[c] * -ln p[c]`: PyTorch's `CrossEntropyLoss` with `reduction="none"`.
///
/// A pixel whose label is the ignored one, or not less than `C`, has loss and gradient 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// The label of pixels that do not count.
    pub ignore: Option<u32>,
    /// `ε`, in 0..=1.
    pub smoothing: f32,
}

impl Definition for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 3)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(0.0..=1.0).contains(&self.smoothing) {
            return Err(format!("the label smoothing must lie in 0..=1, got {}", self.smoothing));
        }
        let logits = inputs[0].shape;
        let pixels = Shape { c: 1, ..logits };
        check::shape("the labels", inputs[1].shape, pixels)?;
        class_weights::check(inputs.get(2), logits.c)?;
        Ok(TensorType::image(pixels))
    }

    fn attributes(&self) -> String {
        let ignore = self.ignore.map_or_else(String::new, |label| format!("ignore {label} "));
        format!("{ignore}smoothing {}", self.smoothing)
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}

/// The gradient of [`CrossEntropy`] with respect to the logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropyGrad(pub CrossEntropy);

impl Definition for CrossEntropyGrad {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (3, 4)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut forward = inputs.to_vec();
        let dy = forward.remove(2);
        let y = self.0.infer(&forward)?;
        check::shape("dy", dy.shape, y.shape)?;
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }
}
