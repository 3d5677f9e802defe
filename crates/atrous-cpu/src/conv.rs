//! Convolution and its gradients.

use atrous_graph::Shape;
use atrous_graph::op::{Conv2d, Conv2dGradInput, Conv2dGradWeight};

use crate::Tensor;

/// The row (column) of the image under tap `k` at output `o`: `o*stride + k*dilation - before`, if the image has it.
pub(crate) fn tap(o: usize, k: usize, stride: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    (o * stride + k * dilation).checked_sub(before).filter(|i| *i < size)
}

/// The row (column) `i` with `i*stride + k*dilation - before == o`, if there is one: what tap `k` spreads onto `o`.
fn spread(o: usize, k: usize, stride: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    let steps = (o + before).checked_sub(k * dilation)?;
    (steps % stride == 0).then_some(steps / stride).filter(|i| *i < size)
}

/// See [`Conv2d`] for the formula. The innermost loop adds one input value times a row of the filter to all output
/// channels of its group.
pub(crate) fn conv2d(op: &Conv2d, inputs: &[&Tensor], output: Shape) -> Tensor {
    let (x, filter, bias) = (inputs[0], inputs[1], inputs.get(2));
    let Shape { n: kh, h: kw, w: cin, c: cout } = filter.shape;
    let group = cout / op.groups;
    let ([sy, sx], [dy, dx]) = (op.stride, op.dilation);
    Tensor::from_rows(output, |n, oy, row| {
        add_bias(row, bias);
        for ky in 0..kh {
            let Some(iy) = tap(oy, ky, sy, dy, op.padding.top, x.shape.h) else { continue };
            for kx in 0..kw {
                for i in 0..cin {
                    let weights = filter.pixel(ky, kx, i);
                    for (ox, pixel) in row.chunks_exact_mut(cout).enumerate() {
                        let Some(ix) = tap(ox, kx, sx, dx, op.padding.left, x.shape.w) else { continue };
                        let values = x.pixel(n, iy, ix)[i..].iter().step_by(cin);
                        let groups = pixel.chunks_exact_mut(group).zip(weights.chunks_exact(group));
                        for ((sums, weights), value) in groups.zip(values) {
                            for (sum, weight) in sums.iter_mut().zip(weights) {
                                *sum += value * weight;
                            }
                        }
                    }
                }
            }
        }
    })
}

/// See [`Conv2dGradInput`] for the formula, gathered here: every result adds up the inputs that spread onto it.
pub(crate) fn conv2d_grad_input(op: &Conv2dGradInput, inputs: &[&Tensor], output: Shape) -> Tensor {
    let (y, filter, bias) = (inputs[0], inputs[1], inputs.get(2));
    let Shape { n: kh, h: kw, w: cout, c: cin } = filter.shape;
    let group = cin / op.conv.groups;
    let ([sy, sx], [dy, dx], padding) = (op.conv.stride, op.conv.dilation, op.conv.padding);
    Tensor::from_rows(output, |n, oy, row| {
        add_bias(row, bias);
        for ky in 0..kh {
            let Some(iy) = spread(oy, ky, sy, dy, padding.top, y.shape.h) else { continue };
            for kx in 0..kw {
                for (ox, pixel) in row.chunks_exact_mut(output.c).enumerate() {
                    let Some(ix) = spread(ox, kx, sx, dx, padding.left, y.shape.w) else { continue };
                    for (c, sum) in pixel.iter_mut().enumerate() {
                        let i = c / cout * group;
                        let weights = &filter.pixel(ky, kx, c % cout)[i..][..group];
                        let values = &y.pixel(n, iy, ix)[i..][..group];
                        *sum += values.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>();
                    }
                }
            }
        }
    })
}

/// See [`Conv2dGradWeight`] for the formula: for every tap, every pixel of `dy` meets the pixel of `x` under the tap.
pub(crate) fn conv2d_grad_weight(op: &Conv2dGradWeight, inputs: &[&Tensor], output: Shape) -> Tensor {
    let (x, dy) = (inputs[0], inputs[1]);
    let Shape { w: cin, c: cout, .. } = output;
    let group = cout / op.conv.groups;
    let ([sy, sx], [step_y, step_x], padding) = (op.conv.stride, op.conv.dilation, op.conv.padding);
    Tensor::from_rows(output, |ky, kx, row| {
        for n in 0..dy.shape.n {
            for oy in 0..dy.shape.h {
                let Some(iy) = tap(oy, ky, sy, step_y, padding.top, x.shape.h) else { continue };
                for ox in 0..dy.shape.w {
                    let Some(ix) = tap(ox, kx, sx, step_x, padding.left, x.shape.w) else { continue };
                    let (values, upstream) = (x.pixel(n, iy, ix), dy.pixel(n, oy, ox));
                    for (i, sums) in row.chunks_exact_mut(cout).enumerate() {
                        let groups = sums.chunks_exact_mut(group).zip(upstream.chunks_exact(group));
                        for (g, (sums, upstream)) in groups.enumerate() {
                            let value = values[g * cin + i];
                            for (sum, dy) in sums.iter_mut().zip(upstream) {
                                *sum += value * dy;
                            }
                        }
                    }
                }
            }
        }
    })
}

fn add_bias(row: &mut [f64], bias: Option<&&Tensor>) {
    if let Some(bias) = bias {
        for pixel in row.chunks_exact_mut(bias.data.len()) {
            pixel.copy_from_slice(&bias.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;
    use atrous_graph::{Op, TensorType};

    use super::*;
    use crate::evaluate;

    /// Evaluates under the shape the graph infers; input 1 is a filter.
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
}
