//! The adjoint of a convolution, which is the transposed convolution.

use atrous_graph::Shape;
use atrous_graph::op::Conv2dGradInput;

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

use super::forward::add_bias;

/// The row (column) `i` of `y` with `i*stride + k*dilation - before == o`, if there is one: tap `k` spreads it onto
/// `o`.
fn spread(o: usize, k: usize, stride: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    let steps = (o + before).checked_sub(k * dilation)?;
    (steps % stride == 0).then_some(steps / stride).filter(|i| *i < size)
}

impl Reference for Conv2dGradInput {
    /// See [`Conv2dGradInput`] for the formula. Here each result sums the inputs that spread onto it.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (y, filter, bias) = (inputs[0], inputs[1], inputs.get(2));
        let Shape { n: kh, h: kw, w: cout, c: cin } = filter.shape;
        let group = cin / self.conv.groups;
        let ([sy, sx], [dy, dx], padding) = (self.conv.stride, self.conv.dilation, self.conv.padding);
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

    /// The sum on absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}
