//! Functions of two elements, and the sums that undo broadcasting.

use crate::op::{Binary, Reduce, Reduction, Unary};
use crate::{GraphError, NodeId, Op, Shape};

use super::Pass;

impl Pass<'_> {
    pub(super) fn binary(
        &mut self,
        id: NodeId,
        inputs: &[NodeId],
        function: Binary,
        dy: NodeId,
    ) -> Result<(), GraphError> {
        for i in 0..2 {
            if !self.wants(id, i) {
                continue;
            }
            let other = inputs[1 - i];
            let d = match (function, i) {
                (Binary::Add, _) | (Binary::Sub, 0) => dy,
                (Binary::Sub, _) => self.negated(id, dy)?,
                (Binary::Mul, _) => {
                    let other = self.value(other)?;
                    self.emit(id, "grad", Op::Binary(Binary::Mul), &[dy, other])?
                }
                (Binary::DivNoNan, 0) => {
                    let divisor = self.value(other)?;
                    self.emit(id, "grad", Op::Binary(Binary::DivNoNan), &[dy, divisor])?
                }
                (Binary::DivNoNan, _) => self.divisor(id, inputs, dy)?,
                (Binary::Equal, _) => return Ok(()),
            };
            let d = self.sum_to(id, d, self.graph.shape(inputs[i]))?;
            self.contribute(inputs[i], d);
        }
        Ok(())
    }

    /// `d b = -dy * y / b` for `y = a / b`.
    fn divisor(&mut self, id: NodeId, inputs: &[NodeId], dy: NodeId) -> Result<NodeId, GraphError> {
        let [y, b] = [self.value(id)?, self.value(inputs[1])?];
        let product = self.emit(id, "grad_product", Op::Binary(Binary::Mul), &[dy, y])?;
        let quotient = self.emit(id, "grad_quotient", Op::Binary(Binary::DivNoNan), &[product, b])?;
        self.negated(id, quotient)
    }

    fn negated(&mut self, id: NodeId, x: NodeId) -> Result<NodeId, GraphError> {
        self.emit(id, "grad_negated", Op::Unary(Unary::Affine { scale: -1.0, shift: 0.0 }), &[x])
    }

    /// The adjoint of repeating sides of 1: sums over the sides that were repeated.
    pub(super) fn sum_to(&mut self, id: NodeId, x: NodeId, shape: Shape) -> Result<NodeId, GraphError> {
        let have = self.graph.shape(x);
        let mut sum = x;
        if have.c != shape.c {
            sum = self.emit(id, "grad_unrepeated", Op::ChannelSum, &[sum])?;
        }
        let reduce =
            Reduce { reduction: Reduction::Sum, n: have.n != shape.n, h: have.h != shape.h, w: have.w != shape.w };
        if reduce.n || reduce.h || reduce.w {
            sum = self.emit(id, "grad_unrepeated", Op::Reduce(reduce), &[sum])?;
        }
        Ok(sum)
    }
}
