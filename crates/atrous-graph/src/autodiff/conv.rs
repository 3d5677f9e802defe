//! Convolutions: the gradients of the three operations are one another.

use crate::op::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Padding, Reduce, Slice};
use crate::{GraphError, NodeId, Op};

use super::Pass;

impl Pass<'_> {
    pub(super) fn conv2d(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        conv: &Conv2d,
        dy: NodeId,
    ) -> Result<(), GraphError> {
        let (x, filter) = (inputs[0], inputs[1]);
        self.bias(id, inputs, dy)?;
        if self.wants(id, 1) {
            let value = self.value(x)?;
            let dw = self.emit(id, "grad_weight", weight(*conv, self, filter), &[value, dy])?;
            self.contribute(filter, dw);
        }
        if self.wants(id, 0) {
            let shape = self.graph.shape(x);
            let op = Op::Conv2dGradInput(Conv2dGradInput { conv: *conv, h: shape.h, w: shape.w });
            let filter = self.value(filter)?;
            let dx = self.emit(id, "grad_input", op, &[dy, filter])?;
            self.contribute(x, dx);
        }
        Ok(())
    }

    /// The transposed convolution. What arrives goes through the forward convolution.
    pub(super) fn conv2d_grad_input(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        op: &Conv2dGradInput,
        dy: NodeId,
    ) -> Result<(), GraphError> {
        let (y, filter) = (inputs[0], inputs[1]);
        self.bias(id, inputs, dy)?;
        let (dy, conv) = self.covered(id, op, y, filter, dy)?;
        if self.wants(id, 1) {
            let value = self.value(y)?;
            let dw = self.emit(id, "grad_weight", weight(conv, self, filter), &[dy, value])?;
            self.contribute(filter, dw);
        }
        if self.wants(id, 0) {
            let filter = self.value(filter)?;
            let d = self.emit(id, "grad_input", Op::Conv2d(conv), &[dy, filter])?;
            self.contribute(y, d);
        }
        Ok(())
    }

    pub(super) fn conv2d_grad_weight(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        op: &Conv2dGradWeight,
        dw: NodeId,
    ) -> Result<(), GraphError> {
        let [x, dy] = [self.value(inputs[0])?, self.value(inputs[1])?];
        if self.wants(id, 1) {
            let d = self.emit(id, "grad_output", Op::Conv2d(op.conv), &[x, dw])?;
            self.contribute(inputs[1], d);
        }
        if self.wants(id, 0) {
            let shape = self.graph.shape(inputs[0]);
            let adjoint = Op::Conv2dGradInput(Conv2dGradInput { conv: op.conv, h: shape.h, w: shape.w });
            let d = self.emit(id, "grad_input", adjoint, &[dy, dw])?;
            self.contribute(inputs[0], d);
        }
        Ok(())
    }

    fn bias(&mut self, id: NodeId, inputs: &[NodeId], dy: NodeId) -> Result<(), GraphError> {
        if self.wants(id, 2) {
            let sum = self.emit(id, "grad_bias", Op::Reduce(Reduce::SUM_NHW), &[dy])?;
            self.contribute(inputs[2], sum);
        }
        Ok(())
    }

    /// The gradient of a transposed convolution's result without the rows and columns below and to the right that no tap
    /// reaches, and the convolution with the padding that makes it give exactly the positions of `y`.
    fn covered(
        &mut self,
        id: NodeId,
        op: &Conv2dGradInput,
        y: NodeId,
        filter: NodeId,
        dy: NodeId,
    ) -> Result<(NodeId, Conv2d), GraphError> {
        let (y, filter) = (self.graph.shape(y), self.graph.shape(filter));
        let (conv, p) = (op.conv, op.conv.padding);
        let reach = |positions: usize, taps: usize, i: usize, before: usize| {
            let all = (positions - 1) * conv.stride[i] + (taps - 1) * conv.dilation[i] + 1;
            all.saturating_sub(before).max(1)
        };
        let [rows, columns] = [reach(y.h, filter.n, 0, p.top), reach(y.w, filter.h, 1, p.left)];
        let padding = Padding {
            bottom: rows.saturating_sub(op.h),
            right: columns.saturating_sub(op.w),
            top: p.top,
            left: p.left,
        };
        let conv = Conv2d { padding, ..conv };
        if rows >= op.h && columns >= op.w {
            return Ok((dy, conv));
        }
        let crop = Slice::crop(self.graph.shape(dy), 0, 0, rows.min(op.h), columns.min(op.w));
        Ok((self.emit(id, "grad_covered", Op::Slice(crop), &[dy])?, conv))
    }
}

fn weight(conv: Conv2d, pass: &Pass<'_>, filter: NodeId) -> Op {
    let shape = pass.graph.shape(filter);
    Op::Conv2dGradWeight(Conv2dGradWeight { conv, kernel: [shape.n, shape.h] })
}
