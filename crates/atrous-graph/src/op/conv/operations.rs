//! Conversions between convolutions and operations.

use crate::Op;
use crate::op::fused::Fused;

use super::fused::{Convolution, FusedConv};

impl Convolution {
    /// The operation that computes this convolution alone.
    pub const fn op(&self) -> Op {
        match self {
            Self::Forward(conv) => Op::Conv2d(*conv),
            Self::Transposed(conv) => Op::Conv2dGradInput(*conv),
        }
    }
}

impl FusedConv {
    /// The convolution of an operation, fused or not, if it has one. `inputs` is the number of inputs of its node.
    pub const fn of(op: &Op, inputs: usize) -> Option<Self> {
        let conv = if let Op::Fused(Fused::Conv(fused)) = op {
            return Some(*fused);
        } else if let Op::Conv2d(conv) = op {
            Convolution::Forward(*conv)
        } else if let Op::Conv2dGradInput(conv) = op {
            Convolution::Transposed(*conv)
        } else {
            return None;
        };
        Some(Self::plain(conv, inputs > 2))
    }
}
