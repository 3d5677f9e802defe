//! Fused convolutions, computed by their parts.

use atrous_graph::Shape;
use atrous_graph::op::{Convolution, FusedConv};

use crate::Tensor;
use crate::pointwise::steepness;
use crate::reference::Reference;

impl Reference for FusedConv {
    /// See [`FusedConv`] for the formula.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = self.prologue.map_or_else(|| inputs[0].clone(), |f| f.evaluate(&inputs[..1], inputs[0].shape));
        let sum = sum(self, &x, inputs, output);
        self.activation.map_or_else(|| sum.clone(), |f| f.evaluate(&[&sum], output))
    }

    /// The sum on absolute values, to which the rounding of the prologue is added. With an activation: this times its
    /// steepness, plus the magnitude of the activation itself.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let mut x = self.prologue.map_or_else(|| inputs[0].clone(), |f| f.evaluate(&inputs[..1], inputs[0].shape));
        let exact = sum(self, &x, inputs, output);
        x = x.abs();
        if let Some(f) = self.prologue {
            let rounding = f.magnitude(&inputs[..1], inputs[0].shape);
            x.data.iter_mut().zip(rounding.data).for_each(|(x, m)| *x += m);
        }
        let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
        let mut magnitude = sum(self, &x, &absolutes.iter().collect::<Vec<_>>(), output);
        if let Some(f) = self.activation {
            let own = f.magnitude(&[&exact], output);
            magnitude.data.iter_mut().zip(own.data).for_each(|(m, own)| *m = *m * steepness(f) + own);
        }
        magnitude
    }
}

/// The result before the activation. `x` is the image after the prologue.
fn sum(op: &FusedConv, x: &Tensor, inputs: &[&Tensor], output: Shape) -> Tensor {
    let mut operands = inputs[..op.conv_inputs()].to_vec();
    operands[0] = x;
    let mut sum = match op.conv {
        Convolution::Forward(conv) => conv.evaluate(&operands, output),
        Convolution::Transposed(conv) => conv.evaluate(&operands, output),
    };
    if op.residual {
        let residual = inputs[op.conv_inputs()];
        // The residual has one pixel for each sample, or as many as the result.
        let each = output.sample_len() / residual.shape.sample_len().max(1);
        for (i, pixel) in sum.data.chunks_exact_mut(output.c.max(1)).enumerate() {
            let from = i / each.max(1) * output.c;
            pixel.iter_mut().zip(&residual.data[from..]).for_each(|(y, r)| *y += r);
        }
    }
    sum
}
