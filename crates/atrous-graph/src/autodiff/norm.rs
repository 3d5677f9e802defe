//! Batch normalisation, statistics and reductions.

use crate::op::{BatchNorm, BatchNormGrad, Binary, Reduce, Reduction, RunningStat, Slice, Unary};
use crate::{GraphError, NodeId, Op, Shape};

use super::Pass;

impl Pass<'_> {
    pub(super) fn batch_norm(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        op: &BatchNorm,
        dy: NodeId,
    ) -> Result<(), GraphError> {
        let BatchNorm { eps, scale, shift, batch } = *op;
        let x = self.value(inputs[0])?;
        let [mean, var] = [inputs[1], inputs[2]];
        let affine = inputs[3..].iter().enumerate().any(|(i, _)| self.wants(id, 3 + i));
        let given = !batch && (self.wants(id, 1) || self.wants(id, 2));
        let mut sums = None;
        if batch || affine || given {
            sums = Some(self.emit(id, "grad_sums", Op::BatchNormGradSums { eps }, &[x, dy, mean, var])?);
        }
        if let Some(sums) = sums {
            self.scale_and_shift(id, inputs, [scale, shift], sums)?;
            if given {
                self.given_statistics(id, inputs, op, sums)?;
            }
        }
        if self.wants(id, 0) {
            let grad = Op::BatchNormGrad(BatchNormGrad { eps, scale, batch });
            let scale = scale.then(|| inputs[3]);
            let sums = sums.filter(|_| batch);
            let operands: Vec<NodeId> = [x, dy, mean, var].into_iter().chain(scale).chain(sums).collect();
            let dx = self.emit(id, "grad", grad, &operands)?;
            self.contribute(inputs[0], dx);
        }
        Ok(())
    }

    /// The shift's gradient is the first of the two sums, the scale's the second.
    fn scale_and_shift(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        [scale, shift]: [bool; 2],
        sums: NodeId,
    ) -> Result<(), GraphError> {
        if scale && self.wants(id, 3) {
            let d = self.sum(id, "grad_scale", sums, 1)?;
            self.contribute(inputs[3], d);
        }
        let place = 3 + usize::from(scale);
        if shift && self.wants(id, place) {
            let d = self.sum(id, "grad_shift", sums, 0)?;
            self.contribute(inputs[place], d);
        }
        Ok(())
    }

    fn sum(&mut self, id: NodeId, what: &str, sums: NodeId, which: usize) -> Result<NodeId, GraphError> {
        let size = Shape::channels(self.graph.shape(sums).c);
        self.emit(id, what, Op::Slice(Slice { start: [which, 0, 0, 0], size }), &[sums])
    }

    /// With `k = scale / sqrt(var + eps)`: `d mean = -k * Σ dy` and `d var = -k / (2 sqrt(var + eps)) * Σ dy*x̂`.
    fn given_statistics(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        op: &BatchNorm,
        sums: NodeId,
    ) -> Result<(), GraphError> {
        let affine = |scale: f64, shift: f64| Op::Unary(Unary::Affine { scale: scale as f32, shift: shift as f32 });
        let variance = self.emit(id, "grad_variance", affine(1.0, op.eps), &[inputs[2]])?;
        let deviation = self.emit(id, "grad_deviation", Op::Unary(Unary::Sqrt), &[variance])?;
        for (input, which, factor) in [(1, 0, -1.0), (2, 1, -0.5)] {
            if !self.wants(id, input) {
                continue;
            }
            let mut d = self.sum(id, "grad_statistic", sums, which)?;
            if op.scale {
                d = self.emit(id, "grad_statistic", Op::Binary(Binary::Mul), &[d, inputs[3]])?;
            }
            for _ in 0..=which {
                d = self.emit(id, "grad_statistic", Op::Binary(Binary::DivNoNan), &[d, deviation])?;
            }
            let d = self.emit(id, "grad_statistic", affine(factor, 0.0), &[d])?;
            self.contribute(inputs[input], d);
        }
        Ok(())
    }

    /// `d x = 2/count * (x - mean) * dy`, and `d mean` its negated sum.
    pub(super) fn channel_variance(&mut self, id: NodeId, inputs: &[NodeId], dy: NodeId) -> Result<(), GraphError> {
        let x = self.value(inputs[0])?;
        let count = Reduce::MEAN_NHW.count(self.graph.shape(x));
        let difference = self.emit(id, "grad_difference", Op::Binary(Binary::Sub), &[x, inputs[1]])?;
        let product = self.emit(id, "grad_product", Op::Binary(Binary::Mul), &[difference, dy])?;
        let factor = Unary::Affine { scale: (2.0 / count as f64) as f32, shift: 0.0 };
        let dx = self.emit(id, "grad", Op::Unary(factor), &[product])?;
        if self.wants(id, 1) {
            let sum = self.emit(id, "grad_mean", Op::Reduce(Reduce::SUM_NHW), &[dx])?;
            let negated = Unary::Affine { scale: -1.0, shift: 0.0 };
            let d = self.emit(id, "grad_mean", Op::Unary(negated), &[sum])?;
            self.contribute(inputs[1], d);
        }
        if self.wants(id, 0) {
            self.contribute(inputs[0], dx);
        }
        Ok(())
    }

    pub(super) fn running_stat(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        op: &RunningStat,
        dy: NodeId,
    ) -> Result<(), GraphError> {
        for (i, factor) in [op.keep, op.take].into_iter().enumerate() {
            if self.wants(id, i) {
                if self.graph.shape(inputs[i]) != self.graph.shape(dy) {
                    return Err(self.unsupported(id, "one of two statistics"));
                }
                let affine = Op::Unary(Unary::Affine { scale: factor as f32, shift: 0.0 });
                let d = self.emit(id, "grad", affine, &[dy])?;
                self.contribute(inputs[i], d);
            }
        }
        Ok(())
    }

    pub(super) fn mean(&mut self, id: NodeId, inputs: &[NodeId], op: &Reduce, dy: NodeId) -> Result<(), GraphError> {
        let shape = self.graph.shape(inputs[0]);
        let factor = Unary::Affine { scale: (1.0 / op.count(shape) as f64) as f32, shift: 0.0 };
        let share = self.emit(id, "grad_share", Op::Unary(factor), &[dy])?;
        self.linear(id, "grad", Op::Broadcast(shape), share)
    }

    /// The gradient goes to the largest elements, in equal shares on a tie (PyTorch's `amax`, TensorFlow's `reduce_max`).
    pub(super) fn maximum(&mut self, id: NodeId, inputs: &[NodeId], op: &Reduce, dy: NodeId) -> Result<(), GraphError> {
        let [x, y] = [self.value(inputs[0])?, self.value(id)?];
        let largest = self.emit(id, "grad_largest", Op::Binary(Binary::Equal), &[x, y])?;
        let sum = Reduce { reduction: Reduction::Sum, ..*op };
        let ties = self.emit(id, "grad_ties", Op::Reduce(sum), &[largest])?;
        let share = self.emit(id, "grad_share", Op::Binary(Binary::DivNoNan), &[dy, ties])?;
        let dx = self.emit(id, "grad", Op::Binary(Binary::Mul), &[largest, share])?;
        self.contribute(inputs[0], dx);
        Ok(())
    }
}
