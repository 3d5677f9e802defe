//! Maxima over channels.

use atrous_graph::Shape;
use atrous_graph::op::{ChannelMaxPool, ChannelMaxPoolGrad};

use crate::Tensor;
use crate::numbers::largest;
use crate::reference::Reference;

use super::spread::spread;

impl Reference for ChannelMaxPool {
    /// `max x[n,y,x, c*stride .. c*stride + window]`
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        inputs[0].map_pixels(output.c, |pixel, result| {
            for (c, result) in result.iter_mut().enumerate() {
                *result = largest(&pixel[c * self.stride..][..self.window]);
            }
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for ChannelMaxPoolGrad {
    /// `dx[n,y,x,i] += dy[n,y,x,c]` for the first maximum `x[n,y,x,i]` of the window of `c`, or its last NaN.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (x, dy, op) = (inputs[0], inputs[1], self.0);
        spread(dy, x.shape, |dx, [n, row, column, c], dy| {
            let pixel = x.pixel(n, row, column);
            let first = c * op.stride;
            let takes_over = |i: usize, best: usize| pixel[i] > pixel[best] || pixel[i].is_nan();
            let best = (first..first + op.window).fold(first, |best, i| if takes_over(i, best) { i } else { best });
            dx.data[x.shape.index(n, row, column, best)] += dy;
        })
    }

    /// The sum of `|dy|`, since several gradients may be added to one channel.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        self.evaluate(&[inputs[0], &inputs[1].abs()], output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maximum_over_channels() {
        let x = Tensor::new(Shape::new(1, 1, 1, 5), vec![3.0, -1.0, -2.0, 7.0, 5.0]);
        let op = ChannelMaxPool { window: 2, stride: 1 };
        assert_eq!(op.evaluate(&[&x], Shape::channels(4)).data, [3.0, -1.0, 7.0, 7.0]);
        let op = ChannelMaxPool { window: 2, stride: 2 };
        assert_eq!(op.evaluate(&[&x], Shape::channels(2)).data, [3.0, 7.0]);
    }

    #[test]
    fn the_first_of_equal_channels_gets_the_gradient() {
        let x = Tensor::new(Shape::channels(4), vec![1.0, 3.0, 3.0, 2.0]);
        let dy = Tensor::new(Shape::channels(3), vec![1.0, 10.0, 100.0]);
        let op = ChannelMaxPoolGrad(ChannelMaxPool { window: 2, stride: 1 });
        assert_eq!(op.evaluate(&[&x, &dy], x.shape).data, [0.0, 11.0, 100.0, 0.0]);
    }
}
