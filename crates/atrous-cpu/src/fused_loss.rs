//! Losses of resized logits, by their parts.

use atrous_graph::Shape;
use atrous_graph::op::ResizeCrossEntropy;

use crate::{Tensor, label, resize, softmax};

/// The loss of the resized logits.
pub(crate) fn cross_entropy(op: &ResizeCrossEntropy, inputs: &[&Tensor]) -> Tensor {
    let logits = resize::resize(&op.resize, inputs[0], size(inputs));
    label::cross_entropy(&op.loss, &with(&logits, inputs))
}

/// That of the loss, and the error scale of the logits, each as far as the loss depends on it.
pub(crate) fn cross_entropy_magnitude(op: &ResizeCrossEntropy, inputs: &[&Tensor]) -> Tensor {
    let logits = resize::resize(&op.resize, inputs[0], size(inputs));
    let error = resize::magnitude(&op.resize, inputs[0], size(inputs));
    let inputs = with(&logits, inputs);
    let slopes = label::slopes(&op.loss, &inputs);
    let mut magnitude = label::cross_entropy_magnitude(&op.loss, &inputs);
    let classes = logits.shape.c;
    let pixels = slopes.data.chunks(classes).zip(error.data.chunks(classes));
    for (m, (slopes, errors)) in magnitude.data.iter_mut().zip(pixels) {
        *m += slopes.iter().zip(errors).map(|(slope, error)| slope * error).sum::<f64>();
    }
    magnitude
}

/// The gradient of the interpolation, of the gradient of the loss.
pub(crate) fn grad(op: &ResizeCrossEntropy, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0].shape;
    let logits = resize::resize(&op.resize, inputs[0], size(inputs));
    resize::resize_grad(&op.resize_grad(x), &label::cross_entropy_grad(&op.loss, &with(&logits, inputs)), x)
}

/// That of the gradient of the interpolation, of the error scale of the loss's gradient: its own, and what an error of the logits
/// makes of each probability `p[c]`, which is `p[c] * (error[c] + Σ_j p[j] error[j])`.
pub(crate) fn grad_magnitude(op: &ResizeCrossEntropy, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0].shape;
    let logits = resize::resize(&op.resize, inputs[0], size(inputs));
    let error = resize::magnitude(&op.resize, inputs[0], size(inputs));
    let mut p = softmax::softmax(&logits);
    let classes = p.shape.c;
    for (p, error) in p.data.chunks_mut(classes).zip(error.data.chunks(classes)) {
        let mean: f64 = p.iter().zip(error).map(|(p, error)| p * error).sum();
        p.iter_mut().zip(error).for_each(|(p, error)| *p *= error + mean);
    }
    let inputs = with(&logits, inputs);
    let mut magnitude = label::cross_entropy_grad_magnitude(&op.loss, &inputs);
    let through = label::times_shares(&op.loss, &p, &inputs);
    magnitude.data.iter_mut().zip(through.data).for_each(|(m, error)| *m += error);
    resize::grad_magnitude(&op.resize_grad(x), &magnitude, x)
}

/// The shape of the resized logits.
fn size(inputs: &[&Tensor]) -> Shape {
    Shape { c: inputs[0].shape.c, ..inputs[1].shape }
}

/// The inputs of the loss alone.
fn with<'a>(logits: &'a Tensor, inputs: &[&'a Tensor]) -> Vec<&'a Tensor> {
    [logits].into_iter().chain(inputs[1..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Coordinates, CrossEntropy, Resize};

    use super::*;

    /// One class of two is as likely as its logit says, between two pixels as well.
    #[test]
    fn logits_between_two_pixels() {
        let x = Tensor::new(Shape::new(1, 1, 2, 2), vec![0.0, 0.0, 0.0, 2.0 * 3f64.ln()]);
        let labels = Tensor::from_u32(Shape::new(1, 1, 3, 1), &[0, 0, 9]);
        let resize = Resize::bilinear(1, 3, Coordinates::AlignCorners);
        let op = ResizeCrossEntropy { resize, loss: CrossEntropy { ignore: None, smoothing: 0.0 } };
        let near = |got: &Tensor, want: &[f64]| {
            assert!(got.data.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14), "{got:?}, not {want:?}");
        };
        near(&cross_entropy(&op, &[&x, &labels]), &[2f64.ln(), 4f64.ln(), 0.0]);
        let dy = Tensor::new(labels.shape, vec![1.0, 2.0, 3.0]);
        // The first pixel has the first gradient and half of the second, -1.5 and 1.5.
        near(&grad(&op, &[&x, &labels, &dy]), &[-0.5 - 0.75, 0.5 + 0.75, -0.75, 0.75]);
    }
}
