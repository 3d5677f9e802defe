//! What a family of kernels is asked to plan.

use atrous_graph::{Op, TensorType};

use crate::target::Target;

/// The part of a tensor that one kernel call works on: consecutive samples, or consecutive rows of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What lies in the bound window: the part as a tensor of its own. Kernels take sizes and strides from here.
    pub ty: TensorType,
    /// Where the part begins in the bound window, in vec4s: the kernel's `…_BASE` override.
    pub base: u32,
    /// The whole tensor. Only operations whose result depends on absolute positions look at it.
    pub full: TensorType,
    /// The part's first sample in the whole tensor.
    pub first_sample: usize,
    /// The part's first row in the whole tensor.
    pub first_row: usize,
    /// Vec4s from one pixel to the next: more than the channels take where the tensor is a range of the channels of a wider one,
    /// which the window shows then.
    pub stride: u32,
    /// Nothing reads the tensor after this node, and no other input is the same: the result may take its place.
    pub dies: bool,
    /// Of a result: its statistics over all pixels are read, so a kernel may [measure](crate::NodePlan::strips) what it stores.
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

    /// Bytes of the window: of the wider tensor, if there is one.
    pub const fn bytes(&self) -> u64 {
        self.ty.bytes() / Self::dense(self.ty) as u64 * self.stride as u64
    }

    /// Vec4s from one pixel to the next where nothing lies between them; 1 where there are no channels.
    const fn dense(ty: TensorType) -> u32 {
        let c4 = ty.padded().c / 4;
        if c4 == 0 { 1 } else { c4 as u32 }
    }
}

/// What a family is asked to plan.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The operation; its padding is that of the part.
    pub op: &'a Op,
    /// The inputs, or the parts of them that are read.
    pub inputs: &'a [Part],
    /// The result, or the part of it that is made.
    pub output: Part,
    /// The adapter to plan for.
    pub target: &'a Target,
}
