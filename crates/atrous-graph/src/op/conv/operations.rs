//! Convolutions as operations, and back.

use crate::Op;
use crate::op::fused::Fused;

use super::fused::{Convolution, FusedConv};

impl Convolution {
    /// The convolution as an operation of its own.
    pub const fn op(&self) -> Op {
        match self {
            Self::Forward(conv) => Op::Conv2d(*conv),
            Self::Transposed(conv) => Op::Conv2dGradInput(*conv),
        }
    }
}

impl FusedConv {
    /// The convolution in an operation that is one, of so many inputs.
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
