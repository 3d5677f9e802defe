//! The problems that families of kernels plan.

use atrous_graph::{Op, TensorType};

use crate::target::Target;

/// The part of a tensor that one kernel call works on: consecutive samples, or consecutive rows of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The type of the part as a tensor. Kernels take sizes and strides from it.
    pub ty: TensorType,
    /// Where the part begins in the bound window, in vec4s: the kernel's `…_BASE` override.
    pub base: u32,
    /// The whole tensor. Only operations whose result depends on absolute positions use it.
    pub full: TensorType,
    /// The part's first sample in the whole tensor.
    pub first_sample: usize,
    /// The part's first row in the whole tensor.
    pub first_row: usize,
    /// Vec4s from one pixel to the next. More than the channels take if the tensor is a range of the channels of a
    /// wider one, which the window then shows.
    pub stride: u32,
    /// Whether the result may be written over the tensor: nothing reads it after this node, and no other input is the
    /// same.
    pub dies: bool,
    /// For a result: whether its statistics over all pixels are read, so that a kernel may [store
    /// them](crate::NodePlan::strips) too.
    pub measured: bool,
}

impl Part {
    /// A whole tensor.
    pub const fn whole(ty: TensorType) -> Self {
        Self {
            ty,
            base: 0,
            full: ty,
            first_sample: 0,
            first_row: 0,
            stride: Self::dense(ty),
            dies: false,
            measured: false,
        }
    }

    /// Whether the tensor is a range of the channels of a wider one.
    pub const fn is_slice(&self) -> bool {
        self.stride != Self::dense(self.ty)
    }

    /// Bytes of the window: those of the wider tensor, if there is one.
    pub const fn bytes(&self) -> u64 {
        self.ty.bytes() / Self::dense(self.ty) as u64 * self.stride as u64
    }

    /// Vec4s from one pixel to the next if pixels are contiguous; 1 if there are no channels.
    const fn dense(ty: TensorType) -> u32 {
        let c4 = ty.padded().c / 4;
        if c4 == 0 { 1 } else { c4 as u32 }
    }
}

/// An operation, or a part of one, to plan for an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The operation; its padding is that of the part.
    pub op: &'a Op,
    /// The inputs, or the parts of them that are read.
    pub inputs: &'a [Part],
    /// The result, or the part of it that is computed.
    pub output: Part,
    /// The adapter to plan for.
    pub target: &'a Target,
}
