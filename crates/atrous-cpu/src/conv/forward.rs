//! Cross-correlation.

use atrous_graph::Shape;
use atrous_graph::op::Conv2d;

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

/// The row (column) of the image under tap `k` at output `o`: `o*stride + k*dilation - before`, if the image has it.
pub(crate) fn tap(o: usize, k: usize, stride: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    (o * stride + k * dilation).checked_sub(before).filter(|i| *i < size)
}

impl Reference for Conv2d {
    /// See [`Conv2d`] for the formula. The innermost loop adds one input value times a row of the filter to all output
    /// channels of its group.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (x, filter, bias) = (inputs[0], inputs[1], inputs.get(2));
        let Shape { n: kh, h: kw, w: cin, c: cout } = filter.shape;
        let group = cout / self.groups;
        let ([sy, sx], [dy, dx]) = (self.stride, self.dilation);
        Tensor::from_rows(output, |n, oy, row| {
            add_bias(row, bias);
            for ky in 0..kh {
                let Some(iy) = tap(oy, ky, sy, dy, self.padding.top, x.shape.h) else { continue };
                for kx in 0..kw {
                    for i in 0..cin {
                        let weights = filter.pixel(ky, kx, i);
                        for (ox, pixel) in row.chunks_exact_mut(cout).enumerate() {
                            let Some(ix) = tap(ox, kx, sx, dx, self.padding.left, x.shape.w) else { continue };
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

    /// The sum on absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

/// Initialises the sums of a row of pixels with the bias.
pub(super) fn add_bias(row: &mut [f64], bias: Option<&&Tensor>) {
    if let Some(bias) = bias {
        for pixel in row.chunks_exact_mut(bias.data.len()) {
            pixel.copy_from_slice(&bias.data);
        }
    }
}
