use atrous_cpu::Tensor;
use atrous_graph::op::{
    Coordinates, CrossEntropy, CrossEntropyGrad, Fused, Gradient, LabelWeight, OneHot, Resize, ResizeCrossEntropy,
    ResizeCrossEntropyGrad,
};
use atrous_graph::{Op, Shape};

use crate::check::{eval, noise};
use crate::table::{Read, Row, check_all};

const LOGITS: Shape = Shape::new(2, 3, 2, 5);

fn logits() -> Tensor {
    noise(LOGITS, 1).map(|v| 3.0 * v)
}

/// Labels of every class, the ignored one, one past the classes and the largest u32.
fn labels() -> Tensor {
    Tensor::from_u32(Shape { c: 1, ..LOGITS }, &[0, 1, 2, 3, 4, 255, 5, u32::MAX, 2, 2, 0, 4])
}

fn weights() -> Tensor {
    Tensor::channels(&[1.0, 0.25, 3.0, 0.0, 2.0])
}

#[test]
fn cross_entropy() {
    for ignore in [None, Some(255), Some(2)] {
        check_all([0.0, 0.1, 1.0].into_iter().flat_map(|smoothing| {
            let loss = CrossEntropy { ignore, smoothing };
            let (op, gradient) = (Op::CrossEntropy(loss), Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(loss))));
            [
                Row::new(op, vec![logits(), labels()], gradient, [Read::Input(0), Read::Input(1), Read::Dy]),
                Row::new(op, vec![logits(), labels(), weights()], gradient, READS),
            ]
        }));
    }
}

/// What gradients of weighted losses read: logits, labels, `dy` and weights.
const READS: [Read; 4] = [Read::Input(0), Read::Input(1), Read::Dy, Read::Input(2)];

#[test]
fn cross_entropy_of_resized_logits() {
    let (h, w) = (3, 5);
    let numbers: Vec<u32> = (0..(LOGITS.n * h * w) as u32).map(|i| i * 5 % 7).collect();
    let labels = Tensor::from_u32(Shape::new(LOGITS.n, h, w, 1), &numbers);
    check_all([Coordinates::HalfPixel, Coordinates::AlignCorners].map(|coordinates| {
        let loss = CrossEntropy { ignore: Some(2), smoothing: 0.1 };
        let op = ResizeCrossEntropy { resize: Resize::bilinear(h, w, coordinates), loss };
        let gradient = Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op)));
        Row::new(Op::Fused(Fused::CrossEntropy(op)), vec![logits(), labels.clone(), weights()], gradient, READS)
    }));
}

/// Without smoothing the loss is the negated log-softmax at the label, times the label's weight.
#[test]
fn cross_entropy_is_the_log_softmax_at_the_label() {
    let (x, labels, weights) = (logits(), labels(), weights());
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
