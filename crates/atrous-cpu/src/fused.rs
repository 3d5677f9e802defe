//! Fused convolutions, by their parts.

use atrous_graph::Shape;
use atrous_graph::op::FusedConv;

use crate::{Tensor, evaluate, unary};

/// See [`FusedConv`] for the formula.
pub(crate) fn fused_conv(op: &FusedConv, inputs: &[&Tensor], output: Shape) -> Tensor {
    let x = op.prologue.map_or_else(|| inputs[0].clone(), |f| unary::unary(f, inputs[0]));
    let sum = sum(op, &x, inputs, output);
    op.activation.map_or_else(|| sum.clone(), |f| unary::unary(f, &sum))
}

/// Without the function behind it, of an image that has been through the one before it.
fn sum(op: &FusedConv, x: &Tensor, inputs: &[&Tensor], output: Shape) -> Tensor {
    let mut operands = inputs[..op.conv_inputs()].to_vec();
    operands[0] = x;
    let mut sum = evaluate(&op.conv.op(), &operands, output);
    if op.residual {
        let residual = inputs[op.conv_inputs()];
        // One pixel a sample, or as many as the result.
        let each = output.sample_len() / residual.shape.sample_len().max(1);
        for (i, pixel) in sum.data.chunks_exact_mut(output.c.max(1)).enumerate() {
            let from = i / each.max(1) * output.c;
            pixel.iter_mut().zip(&residual.data[from..]).for_each(|(y, r)| *y += r);
        }
    }
    sum
}

/// The sum on absolute values, the rounding of the image's function among them; then what the function behind it makes of an
/// error of that size, and its own.
pub(crate) fn fused_conv_magnitude(op: &FusedConv, inputs: &[&Tensor], output: Shape) -> Tensor {
    let mut x = op.prologue.map_or_else(|| inputs[0].clone(), |f| unary::unary(f, inputs[0]));
    let exact = sum(op, &x, inputs, output);
    x = x.abs();
    if let Some(f) = op.prologue {
        x.data.iter_mut().zip(unary::unary_magnitude(f, inputs[0]).data).for_each(|(x, m)| *x += m);
    }
    let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
    let mut magnitude = sum(op, &x, &absolutes.iter().collect::<Vec<_>>(), output);
    if let Some(f) = op.activation {
        let steepness = f64::from(f.steepness().unwrap_or(f32::INFINITY));
        let own = unary::unary_magnitude(f, &exact);
        magnitude.data.iter_mut().zip(own.data).for_each(|(m, own)| *m = *m * steepness + own);
    }
    magnitude
}
