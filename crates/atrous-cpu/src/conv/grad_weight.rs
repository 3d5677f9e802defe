//! The gradient of a convolution with respect to its filter.

use atrous_graph::Shape;
use atrous_graph::op::Conv2dGradWeight;

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

use super::forward::tap;

impl Reference for Conv2dGradWeight {
    /// See [`Conv2dGradWeight`] for the formula: for each tap, each pixel of `dy` is multiplied by the pixel of `x`
    /// under the tap.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (x, dy) = (inputs[0], inputs[1]);
        let Shape { w: cin, c: cout, .. } = output;
        let group = cout / self.conv.groups;
        let ([sy, sx], [step_y, step_x], padding) = (self.conv.stride, self.conv.dilation, self.conv.padding);
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

    /// The sum on absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}
