//! The gradients of batch normalisation and its statistics.

use crate::op::gradient::Gradient;
use crate::op::movement::Slice;
use crate::op::operation::{Differentiable, Tape};
use crate::op::pointwise::{Binary, Unary};
use crate::op::reduce::Reduce;
use crate::{GraphError, NodeId, Op, Shape};

use super::batch_norm::BatchNorm;
use super::batch_norm_grad::{BatchNormGrad, BatchNormGradSums};
use super::running_stat::RunningStat;
use super::statistics::ChannelVariance;

impl Differentiable for BatchNorm {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let Self { eps, scale, batch, .. } = *self;
        let dy = tape.dy();
        let x = tape.value(0)?;
        let inputs = tape.inputs().to_vec();
        let [mean, var] = [inputs[1], inputs[2]];
        let affine = (3..inputs.len()).any(|input| tape.wants(input));
        let given = !batch && (tape.wants(1) || tape.wants(2));
        let mut sums = None;
        if batch || affine || given {
            let op = Gradient::BatchNormSums(BatchNormGradSums { eps });
            let made = tape.emit("grad_sums", Op::Gradient(op), &[x, dy, mean, var])?;
            scale_and_shift(self, tape, made)?;
            if given {
                given_statistics(self, tape, made)?;
            }
            sums = Some(made);
        }
        if tape.wants(0) {
            let op = Gradient::BatchNorm(BatchNormGrad { eps, scale, batch });
            let scale = scale.then(|| inputs[3]);
            let sums = sums.filter(|_| batch);
            let operands: Vec<NodeId> = [x, dy, mean, var].into_iter().chain(scale).chain(sums).collect();
            let dx = tape.emit("grad", Op::Gradient(op), &operands)?;
            tape.contribute(0, dx);
        }
        Ok(())
    }
}

/// The gradient of the shift is the first of the two sums, that of the scale the second.
fn scale_and_shift(op: &BatchNorm, tape: &mut dyn Tape, sums: NodeId) -> Result<(), GraphError> {
    if op.scale && tape.wants(3) {
        let d = sum(tape, "grad_scale", sums, 1)?;
        tape.contribute(3, d);
    }
    let place = 3 + usize::from(op.scale);
    if op.shift && tape.wants(place) {
        let d = sum(tape, "grad_shift", sums, 0)?;
        tape.contribute(place, d);
    }
    Ok(())
}

fn sum(tape: &mut dyn Tape, what: &str, sums: NodeId, which: usize) -> Result<NodeId, GraphError> {
    let size = Shape::channels(tape.shape(sums).c);
    tape.emit(what, Op::Slice(Slice { start: [which, 0, 0, 0], size }), &[sums])
}

/// The gradients of given statistics. With `k = scale / sqrt(var + eps)` they are `d mean = -k * Σ dy` and
/// `d var = -k / (2 sqrt(var + eps)) * Σ dy*x̂`.
fn given_statistics(op: &BatchNorm, tape: &mut dyn Tape, sums: NodeId) -> Result<(), GraphError> {
    let affine = |scale: f64, shift: f64| Op::Unary(Unary::Affine { scale: scale as f32, shift: shift as f32 });
    let var = tape.inputs()[2];
    let variance = tape.emit("grad_variance", affine(1.0, op.eps), &[var])?;
    let deviation = tape.emit("grad_deviation", Op::Unary(Unary::Sqrt), &[variance])?;
    for (input, which, factor) in [(1, 0, -1.0), (2, 1, -0.5)] {
        if !tape.wants(input) {
            continue;
        }
        let mut d = sum(tape, "grad_statistic", sums, which)?;
        if op.scale {
            let scale = tape.inputs()[3];
            d = tape.emit("grad_statistic", Op::Binary(Binary::Mul), &[d, scale])?;
        }
        for _ in 0..=which {
            d = tape.emit("grad_statistic", Op::Binary(Binary::DivNoNan), &[d, deviation])?;
        }
        let d = tape.emit("grad_statistic", affine(factor, 0.0), &[d])?;
        tape.contribute(input, d);
    }
    Ok(())
}

impl Differentiable for BatchNormGradSums {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of a batch normalisation's gradient"))
    }
}

impl Differentiable for BatchNormGrad {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        Err(tape.unsupported("the gradient of a batch normalisation's gradient"))
    }
}

/// `dx = 2/count * (x - mean) * dy`, and `d mean` is the negated sum of `dx`.
impl Differentiable for ChannelVariance {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let (dy, mean) = (tape.dy(), tape.inputs()[1]);
        let x = tape.value(0)?;
        let count = Reduce::MEAN_NHW.count(tape.shape(x));
        let difference = tape.emit("grad_difference", Op::Binary(Binary::Sub), &[x, mean])?;
        let product = tape.emit("grad_product", Op::Binary(Binary::Mul), &[difference, dy])?;
        let factor = Unary::Affine { scale: (2.0 / count as f64) as f32, shift: 0.0 };
        let dx = tape.emit("grad", Op::Unary(factor), &[product])?;
        if tape.wants(1) {
            let sum = tape.emit("grad_mean", Op::Reduce(Reduce::SUM_NHW), &[dx])?;
            let negated = Unary::Affine { scale: -1.0, shift: 0.0 };
            let d = tape.emit("grad_mean", Op::Unary(negated), &[sum])?;
            tape.contribute(1, d);
        }
        if tape.wants(0) {
            tape.contribute(0, dx);
        }
        Ok(())
    }
}

impl Differentiable for RunningStat {
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError> {
        let dy = tape.dy();
        for (i, factor) in [self.keep, self.take].into_iter().enumerate() {
            if tape.wants(i) {
                if tape.input_shape(i) != tape.shape(dy) {
                    return Err(tape.unsupported("the gradient of one of two statistics"));
                }
                let affine = Op::Unary(Unary::Affine { scale: factor as f32, shift: 0.0 });
                let d = tape.emit("grad", affine, &[dy])?;
                tape.contribute(i, d);
            }
        }
        Ok(())
    }
}
