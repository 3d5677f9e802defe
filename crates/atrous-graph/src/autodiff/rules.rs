//! One rule per operation: what arrives at its result becomes what arrives at its inputs.

use crate::op::{AvgPoolGrad, MaxPoolGrad, Pad, PadGrad, PadMode, Place, Reduction, ResizeGrad, Slice, Unary};
use crate::{GraphError, NodeId, Op};

use super::Pass;

/// Whether anything that arrives at the result of an operation can reach an input.
pub(super) fn passes_gradients(op: &Op) -> bool {
    !matches!(
        op,
        Op::StopGradient
            | Op::ArgMax
            | Op::ResizeArgMax(_)
            | Op::MaxPoolIndices(_)
            | Op::OneHot { .. }
            | Op::LabelWeight { .. }
            | Op::Unary(Unary::Step)
            | Op::Binary(crate::op::Binary::Equal)
    )
}

impl Pass<'_> {
    /// Adds to the gradients of a node's inputs.
    pub(super) fn differentiate(&mut self, id: NodeId, dy: NodeId) -> Result<(), GraphError> {
        let node = self.graph.node(id).clone();
        let inputs = node.inputs.as_slice();
        if !(0..inputs.len()).any(|i| self.wants(id, i)) {
            return Ok(());
        }
        let x_shape = inputs.first().map(|x| self.graph.shape(*x));
        let size = x_shape.map_or([0, 0], |s| [s.h, s.w]);
        let [h, w] = size;
        match node.op {
            Op::Input | Op::Parameter | Op::Fill { .. } => Ok(()),
            Op::StopGradient
            | Op::ArgMax
            | Op::ResizeArgMax(_)
            | Op::MaxPoolIndices(_)
            | Op::OneHot { .. }
            | Op::LabelWeight { .. } => Ok(()),
            Op::Conv2d(conv) => self.conv2d(id, inputs, &conv, dy),
            Op::Conv2dGradInput(op) => self.conv2d_grad_input(id, inputs, &op, dy),
            Op::Conv2dGradWeight(op) => self.conv2d_grad_weight(id, inputs, &op, dy),
            Op::FusedConv(_) => Err(self.unsupported(id, "what a pass has fused")),
            Op::BatchNorm(op) => self.batch_norm(id, inputs, &op, dy),
            Op::ChannelVariance => self.channel_variance(id, inputs, dy),
            Op::RunningStat(op) => self.running_stat(id, inputs, &op, dy),
            Op::BatchStatistics
            | Op::FusedBatchNorm(_)
            | Op::FusedBatchNormGradSums(_)
            | Op::FusedBatchNormGrad(_)
            | Op::Chain(_)
            | Op::ResizeCrossEntropy(_)
            | Op::ResizeCrossEntropyGrad(_) => Err(self.unsupported(id, "what a pass has fused")),
            Op::BatchNormGradSums { .. } | Op::BatchNormGrad(_) => {
                Err(self.unsupported(id, "a batch normalisation's gradient"))
            }
            Op::Reduce(op) => match op.reduction {
                Reduction::Sum => self.linear(id, "grad", Op::Broadcast(self.graph.shape(inputs[0])), dy),
                Reduction::Mean => self.mean(id, inputs, &op, dy),
                Reduction::Max => self.maximum(id, inputs, &op, dy),
            },
            Op::MaxPool(window) => {
                let x = self.value(inputs[0])?;
                let indices = self.emit(id, "indices", Op::MaxPoolIndices(window), &[x])?;
                let dx = self.emit(id, "grad", Op::MaxPoolGrad(MaxPoolGrad { window, h, w }), &[dy, indices])?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
            Op::MaxPoolGrad(_) => Err(self.unsupported(id, "max pooling's gradient")),
            Op::AvgPool(pool) => self.linear(id, "grad", Op::AvgPoolGrad(AvgPoolGrad { pool, h, w }), dy),
            Op::AvgPoolGrad(op) => self.linear(id, "grad", Op::AvgPool(op.pool), dy),
            Op::AdaptiveAvgPool { .. } => self.linear(id, "grad", Op::AdaptiveAvgPoolGrad { h, w }, dy),
            Op::AdaptiveAvgPoolGrad { .. } => self.linear(id, "grad", Op::AdaptiveAvgPool { h, w }, dy),
            Op::ChannelMaxPool(op) => {
                let x = self.value(inputs[0])?;
                let dx = self.emit(id, "grad", Op::ChannelMaxPoolGrad(op), &[x, dy])?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
            Op::ChannelMaxPoolGrad(_) => Err(self.unsupported(id, "channel max pooling's gradient")),
            Op::Resize(resize) => self.linear(id, "grad", Op::ResizeGrad(ResizeGrad { resize, h, w }), dy),
            Op::ResizeGrad(op) => self.linear(id, "grad", Op::Resize(op.resize), dy),
            Op::Unary(function) => self.unary(id, inputs, function, dy),
            Op::UnaryGrad(function) => self.unary_grad(id, inputs, function, dy),
            Op::Binary(function) => self.binary(id, inputs, function, dy),
            Op::Broadcast(_) => {
                let dx = self.sum_to(id, dy, self.graph.shape(inputs[0]))?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
            Op::ChannelSum => self.linear(id, "grad", Op::Broadcast(self.graph.shape(inputs[0])), dy),
            Op::Softmax => self.of_result(id, Op::SoftmaxGrad, dy),
            Op::LogSoftmax => self.of_result(id, Op::LogSoftmaxGrad, dy),
            Op::SoftmaxGrad | Op::LogSoftmaxGrad => Err(self.unsupported(id, "a softmax's gradient")),
            Op::CrossEntropy(op) => {
                if self.wants(id, 2) {
                    return Err(self.unsupported(id, "class weights"));
                }
                let logits = self.value(inputs[0])?;
                let operands: Vec<NodeId> = [logits, inputs[1], dy].into_iter().chain(inputs.get(2).copied()).collect();
                let dx = self.emit(id, "grad", Op::CrossEntropyGrad(op), &operands)?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
            Op::CrossEntropyGrad(_) => Err(self.unsupported(id, "a cross-entropy's gradient")),
            Op::Cast(_) => self.linear(id, "grad", Op::Cast(self.graph.node(inputs[0]).ty.dtype), dy),
            Op::Concat => self.concat(id, inputs, dy),
            Op::Slice(slice) => {
                let shape = self.graph.shape(inputs[0]);
                self.linear(id, "grad", Op::Place(Place { start: slice.start, shape }), dy)
            }
            Op::Place(place) => {
                let size = self.graph.shape(inputs[0]);
                self.linear(id, "grad", Op::Slice(Slice { start: place.start, size }), dy)
            }
            Op::Pad(pad) => self.linear(id, "grad", Op::PadGrad(PadGrad { pad, h, w }), dy),
            Op::PadGrad(op) => {
                let mode = if let PadMode::Constant(_) = op.pad.mode { PadMode::Constant(0.0) } else { op.pad.mode };
                self.linear(id, "grad", Op::Pad(Pad { mode, ..op.pad }), dy)
            }
            Op::Flip { .. } => self.linear(id, "grad", node.op, dy),
            Op::Dropout(_) => {
                let operands: Vec<NodeId> = [dy].into_iter().chain(inputs.get(1).copied()).collect();
                let dx = self.emit(id, "grad", node.op, &operands)?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
            Op::Custom(op) => self.custom(id, op, dy),
        }
    }

    /// An operation of one input that is linear: its adjoint, applied to what arrives.
    pub(super) fn linear(&mut self, id: NodeId, what: &str, adjoint: Op, dy: NodeId) -> Result<(), GraphError> {
        let x = self.graph.node(id).inputs[0];
        let dx = self.emit(id, what, adjoint, &[dy])?;
        self.contribute(x, dx);
        Ok(())
    }

    /// An operation of one input whose gradient is told from its result.
    fn of_result(&mut self, id: NodeId, gradient: Op, dy: NodeId) -> Result<(), GraphError> {
        let x = self.graph.node(id).inputs[0];
        let y = self.value(id)?;
        let dx = self.emit(id, "grad", gradient, &[y, dy])?;
        self.contribute(x, dx);
        Ok(())
    }

    fn unary(&mut self, id: NodeId, inputs: &[NodeId], function: Unary, dy: NodeId) -> Result<(), GraphError> {
        match function {
            Unary::Step => Ok(()),
            Unary::Affine { scale, .. } => self.linear(id, "grad", Op::Unary(Unary::Affine { scale, shift: 0.0 }), dy),
            _ => {
                let argument = self.value(if function.from_result() { id } else { inputs[0] })?;
                let dx = self.emit(id, "grad", Op::UnaryGrad(function), &[argument, dy])?;
                self.contribute(inputs[0], dx);
                Ok(())
            }
        }
    }

    /// `f'(x) * u` is linear in `u`; the second derivative of `f` is not there.
    fn unary_grad(&mut self, id: NodeId, inputs: &[NodeId], function: Unary, dy: NodeId) -> Result<(), GraphError> {
        if self.wants(id, 0) {
            return Err(self.unsupported(id, "an activation's gradient"));
        }
        let x = self.value(inputs[0])?;
        let du = self.emit(id, "grad", Op::UnaryGrad(function), &[x, dy])?;
        self.contribute(inputs[1], du);
        Ok(())
    }

    fn concat(&mut self, id: NodeId, inputs: &[NodeId], dy: NodeId) -> Result<(), GraphError> {
        let whole = self.graph.shape(dy);
        let mut first = 0;
        for (i, input) in inputs.iter().enumerate() {
            let count = self.graph.shape(*input).c;
            if self.wants(id, i) {
                let part = self.emit(id, "grad", Op::Slice(Slice::channels(whole, first, count)), &[dy])?;
                self.contribute(*input, part);
            }
            first += count;
        }
        Ok(())
    }
}
