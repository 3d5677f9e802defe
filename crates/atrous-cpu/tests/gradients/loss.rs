use atrous_cpu::Tensor;
use atrous_graph::op::{
    Coordinates, CrossEntropy, CrossEntropyGrad, Fused, Gradient, LabelWeight, OneHot, Resize, ResizeCrossEntropy,
    ResizeCrossEntropyGrad,
};
use atrous_graph::{Op, Shape};

use crate::check::{check, eval, noise};

const LOGITS: Shape = Shape::new(2, 3, 2, 5);

fn logits() -> Tensor {
    noise(LOGITS, 1).map(|v| 3.0 * v)
}

#[test]
fn softmax() {
    let x = logits();
    let y = eval(Op::Softmax, &[&x]);
    check("softmax", &x, |x| eval(Op::Softmax, &[x]), |u| eval(Op::Gradient(Gradient::Softmax), &[&y, u]));
}

#[test]
fn log_softmax() {
    let x = logits();
    let y = eval(Op::LogSoftmax, &[&x]);
    check("log_softmax", &x, |x| eval(Op::LogSoftmax, &[x]), |u| eval(Op::Gradient(Gradient::LogSoftmax), &[&y, u]));
}

/// Labels of every class, the ignored one, one past the classes and the largest there is.
#[test]
fn cross_entropy() {
    let labels = Tensor::from_u32(Shape { c: 1, ..LOGITS }, &[0, 1, 2, 3, 4, 255, 5, u32::MAX, 2, 2, 0, 4]);
    let weights = Tensor::channels(&[1.0, 0.25, 3.0, 0.0, 2.0]);
    let x = logits();
    for ignore in [None, Some(255), Some(2)] {
        for smoothing in [0.0, 0.1, 1.0] {
            for weights in [None, Some(&weights)] {
                let op = CrossEntropy { ignore, smoothing };
                check(
                    &format!("{op:?}, {weights:?}"),
                    &x,
                    |x| {
                        let mut inputs = vec![x, &labels];
                        inputs.extend(weights);
                        eval(Op::CrossEntropy(op), &inputs)
                    },
                    |u| {
                        let mut inputs = vec![&x, &labels, u];
                        inputs.extend(weights);
                        eval(Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))), &inputs)
                    },
                );
            }
        }
    }
}

/// Without smoothing the loss is the negated log-softmax at the label, times the label's weight.
#[test]
fn cross_entropy_is_the_log_softmax_at_the_label() {
    let labels = Tensor::from_u32(Shape { c: 1, ..LOGITS }, &[0, 1, 2, 3, 4, 255, 5, u32::MAX, 2, 2, 0, 4]);
    let (x, weights) = (logits(), Tensor::channels(&[1.0, 0.25, 3.0, 0.0, 2.0]));
    let ignore = Some(1);
    let (log, one_hot) = (eval(Op::LogSoftmax, &[&x]), eval(Op::OneHot(OneHot { classes: 5, ignore }), &[&labels]));
    let weight = eval(Op::LabelWeight(LabelWeight { classes: 5, ignore }), &[&labels, &weights]);
    let loss = eval(Op::CrossEntropy(CrossEntropy { ignore, smoothing: 0.0 }), &[&x, &labels, &weights]);
    for (pixel, loss) in loss.data.iter().enumerate() {
        let at = pixel * 5..(pixel + 1) * 5;
        let picked: f64 = log.data[at.clone()].iter().zip(&one_hot.data[at]).map(|(l, h)| l * h).sum();
        assert!((loss + picked * weight.data[pixel]).abs() < 1e-14, "pixel {pixel}: {loss}");
    }
}

#[test]
fn cross_entropy_of_resized_logits() {
    let (h, w) = (3, 5);
    let labels = Tensor::from_u32(
        Shape::new(LOGITS.n, h, w, 1),
        &(0..(LOGITS.n * h * w) as u32).map(|i| i * 5 % 7).collect::<Vec<_>>(),
    );
    let weights = Tensor::channels(&[1.0, 0.25, 3.0, 0.0, 2.0]);
    let x = logits();
    for coordinates in [Coordinates::HalfPixel, Coordinates::AlignCorners] {
        let loss = CrossEntropy { ignore: Some(2), smoothing: 0.1 };
        let op = ResizeCrossEntropy { resize: Resize::bilinear(h, w, coordinates), loss };
        check(
            &format!("{op:?}"),
            &x,
            |x| eval(Op::Fused(Fused::CrossEntropy(op)), &[x, &labels, &weights]),
            |u| eval(Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))), &[&x, &labels, u, &weights]),
        );
    }
}
