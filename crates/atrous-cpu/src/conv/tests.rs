use atrous_graph::op::{Conv2d, Conv2dGradInput, Padding};
use atrous_graph::{Op, Shape, TensorType};

use crate::{Tensor, evaluate};

/// Evaluates an operation with the output shape that the graph infers. Input 1 is a filter.
fn eval(op: Op, inputs: &[&Tensor]) -> Tensor {
    let types: Vec<TensorType> = (0..inputs.len())
        .map(|i| if i == 1 { TensorType::filter(inputs[i].shape) } else { TensorType::image(inputs[i].shape) })
        .collect();
    evaluate(&op, inputs, op.infer(&types).unwrap().shape)
}

fn counting(shape: Shape) -> Tensor {
    Tensor::new(shape, (1..=shape.len()).map(|v| v as f64).collect())
}

#[test]
fn three_by_three_with_padding_and_bias() {
    let x = counting(Shape::new(1, 3, 3, 1));
    let filter = counting(Shape::new(3, 3, 1, 1));
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let y = eval(Op::Conv2d(conv), &[&x, &filter, &Tensor::channels(&[1.0])]);
    // Cross-correlation of 1..9 with 1..9, plus 1; the corner is 5*1 + 6*2 + 8*4 + 9*5 = 94.
    assert_eq!(y.data, [95.0, 155.0, 107.0, 187.0, 286.0, 187.0, 107.0, 155.0, 95.0]);
}

#[test]
fn stride_dilation_and_one_sided_padding() {
    let x = counting(Shape::new(1, 1, 5, 1));
    let filter = counting(Shape::new(1, 2, 1, 1));
    let padding = Padding { right: 1, ..Padding::NONE };
    let conv = Conv2d { stride: [1, 2], dilation: [1, 3], padding, groups: 1 };
    // Taps at 0 and 3, then at 2 and 5 (padding): 1*1 + 4*2, 3*1.
    assert_eq!(eval(Op::Conv2d(conv), &[&x, &filter]).data, [9.0, 3.0]);
}

#[test]
fn groups_and_depth_multiplier() {
    let x = Tensor::new(Shape::channels(4), vec![1.0, 2.0, 3.0, 4.0]);
    let filter = counting(Shape::new(1, 1, 2, 2));
    let grouped = Conv2d { groups: 2, ..Conv2d::default() };
    // Output 0 reads channels 0, 1 with weights 1, 3; output 1 reads 2, 3 with 2, 4.
    assert_eq!(eval(Op::Conv2d(grouped), &[&x, &filter]).data, [7.0, 22.0]);
    let depthwise = Conv2d { groups: 4, ..Conv2d::default() };
    let filter = counting(Shape::new(1, 1, 1, 8));
    assert_eq!(eval(Op::Conv2d(depthwise), &[&x, &filter]).data, [1.0, 2.0, 6.0, 8.0, 15.0, 18.0, 28.0, 32.0]);
}

#[test]
fn transposed_spreads_and_crops() {
    let y = counting(Shape::new(1, 1, 3, 1));
    let filter = Tensor::new(Shape::new(1, 3, 1, 1), vec![1.0, 10.0, 100.0]);
    let full = Conv2d { stride: [1, 2], ..Conv2d::default() };
    let up = |conv, output_padding| {
        let op = Conv2dGradInput::transposed(conv, [1, 3], [1, 3], output_padding).unwrap();
        eval(Op::Conv2dGradInput(op), &[&y, &filter]).data
    };
    assert_eq!(up(full, [0, 0]), [1.0, 10.0, 102.0, 20.0, 203.0, 30.0, 300.0]);
    let cropped = Conv2d { padding: Padding::symmetric(0, 1), ..full };
    assert_eq!(up(cropped, [0, 1]), [10.0, 102.0, 20.0, 203.0, 30.0, 300.0]);
}

/// The defining property of the adjoint: `<conv(x), y> == <x, grad_input(y)>`.
#[test]
fn grad_input_is_the_adjoint() {
    let wave = |shape: Shape, f: f64| Tensor::new(shape, (0..shape.len()).map(|i| (i as f64 * f).sin()).collect());
    let padding = Padding { top: 2, bottom: 1, left: 0, right: 3 };
    let conv = Conv2d { stride: [2, 3], dilation: [2, 1], padding, groups: 2 };
    let (x, filter) = (wave(Shape::new(2, 9, 8, 6), 0.7), wave(Shape::new(3, 4, 3, 4), 1.3));
    let forward = eval(Op::Conv2d(conv), &[&x, &filter]);
    let y = wave(forward.shape, 2.1);
    let back = eval(Op::Conv2dGradInput(Conv2dGradInput { conv, h: 9, w: 8 }), &[&y, &filter]);
    assert_eq!(back.shape, x.shape);
    let dot = |a: &Tensor, b: &Tensor| a.data.iter().zip(&b.data).map(|(a, b)| a * b).sum::<f64>();
    assert!((dot(&forward, &y) - dot(&x, &back)).abs() < 1e-11);
}
