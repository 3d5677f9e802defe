//! Reductions over channels.

use atrous_graph::Shape;
use atrous_graph::op::{ArgMax, ChannelSum};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

impl Reference for ChannelSum {
    /// `Σ x[n,y,x,c]` over the channels.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].map_pixels(1, |pixel, result| result[0] = pixel.iter().sum())
    }

    /// The sum of absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

impl Reference for ArgMax {
    /// The channel of the largest value, the lowest on a tie.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].map_pixels(1, |pixel, result| {
            let outranks =
                |c: usize, best: usize| pixel[c] > pixel[best] || (pixel[c].is_nan() && !pixel[best].is_nan());
            let best = (1..pixel.len()).fold(0, |best, c| if outranks(c, best) { c } else { best });
            result[0] = best as f64;
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_of_equal_channels_is_the_argmax() {
        let x = Tensor::new(Shape::new(1, 1, 2, 3), vec![1.0, 4.0, 4.0, -1.0, -3.0, -2.0]);
        let output = Shape::new(1, 1, 2, 1);
        assert_eq!(ArgMax.evaluate(&[&x], output), Tensor::from_u32(output, &[1, 0]));
    }
}
