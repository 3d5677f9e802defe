//! Losses of resized logits, computed by their parts.

use atrous_graph::Shape;
use atrous_graph::op::{CrossEntropyGrad, ResizeCrossEntropy, ResizeCrossEntropyGrad, Softmax};

use crate::Tensor;
use crate::reference::Reference;

use super::cross_entropy::{slopes, times_shares};

impl Reference for ResizeCrossEntropy {
    /// The loss of the resized logits.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let logits = self.resize.evaluate(&inputs[..1], size(inputs));
        self.loss.evaluate(&with(&logits, inputs), output)
    }

    /// The error scale of the loss, plus that of the resized logits times how strongly the loss may depend on them.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let logits = self.resize.evaluate(&inputs[..1], size(inputs));
        let error = self.resize.magnitude(&inputs[..1], size(inputs));
        let inputs = with(&logits, inputs);
        let slopes = slopes(&self.loss, &inputs);
        let mut magnitude = self.loss.magnitude(&inputs, output);
        let classes = logits.shape.c;
        let pixels = slopes.data.chunks(classes).zip(error.data.chunks(classes));
        for (m, (slopes, errors)) in magnitude.data.iter_mut().zip(pixels) {
            *m += slopes.iter().zip(errors).map(|(slope, error)| slope * error).sum::<f64>();
        }
        magnitude
    }
}

impl Reference for ResizeCrossEntropyGrad {
    /// The gradient of the interpolation, applied to the gradient of the loss.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (resize, loss) = (self.0.resize, CrossEntropyGrad(self.0.loss));
        let logits = resize.evaluate(&inputs[..1], size(inputs));
        let dy = loss.evaluate(&with(&logits, inputs), logits.shape);
        self.0.resize_grad(inputs[0].shape).evaluate(&[&dy], output)
    }

    /// The error scale of the interpolation's gradient, for that of the loss's gradient. The latter includes the effect
    /// of errors of the logits on each probability `p[c]`, which is `p[c] * (error[c] + Σ_j p[j] error[j])`.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (resize, loss) = (self.0.resize, CrossEntropyGrad(self.0.loss));
        let logits = resize.evaluate(&inputs[..1], size(inputs));
        let error = resize.magnitude(&inputs[..1], size(inputs));
        let mut p = Softmax.evaluate(&[&logits], logits.shape);
        let classes = p.shape.c;
        for (p, error) in p.data.chunks_mut(classes).zip(error.data.chunks(classes)) {
            let mean: f64 = p.iter().zip(error).map(|(p, error)| p * error).sum();
            p.iter_mut().zip(error).for_each(|(p, error)| *p *= error + mean);
        }
        let operands = with(&logits, inputs);
        let mut magnitude = loss.magnitude(&operands, logits.shape);
        let through = times_shares(&self.0.loss, &p, &operands);
        magnitude.data.iter_mut().zip(through.data).for_each(|(m, error)| *m += error);
        self.0.resize_grad(inputs[0].shape).magnitude(&[&magnitude], output)
    }
}

/// The shape of the resized logits.
fn size(inputs: &[&Tensor]) -> Shape {
    Shape { c: inputs[0].shape.c, ..inputs[1].shape }
}

/// The inputs of the loss alone, with these resized logits.
fn with<'a>(logits: &'a Tensor, inputs: &[&'a Tensor]) -> Vec<&'a Tensor> {
    [logits].into_iter().chain(inputs[1..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Coordinates, CrossEntropy, Resize};

    use super::*;

    /// Logits are interpolated before the softmax: the pixel between two has the probabilities of the mean of their
    /// logits.
    #[test]
    fn logits_between_two_pixels() {
        let x = Tensor::new(Shape::new(1, 1, 2, 2), vec![0.0, 0.0, 0.0, 2.0 * 3f64.ln()]);
        let labels = Tensor::from_u32(Shape::new(1, 1, 3, 1), &[0, 0, 9]);
        let resize = Resize::bilinear(1, 3, Coordinates::AlignCorners);
        let op = ResizeCrossEntropy { resize, loss: CrossEntropy { ignore: None, smoothing: 0.0 } };
        let near = |got: &Tensor, want: &[f64]| {
            assert!(got.data.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14), "{got:?}, not {want:?}");
        };
        near(&op.evaluate(&[&x, &labels], labels.shape), &[2f64.ln(), 4f64.ln(), 0.0]);
        let dy = Tensor::new(labels.shape, vec![1.0, 2.0, 3.0]);
        // The first pixel gets the first gradient and half of the second, -1.5 and 1.5.
        near(
            &ResizeCrossEntropyGrad(op).evaluate(&[&x, &labels, &dy], x.shape),
            &[-0.5 - 0.75, 0.5 + 0.75, -0.75, 0.75],
        );
    }
}
