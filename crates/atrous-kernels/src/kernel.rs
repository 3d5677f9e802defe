//! Building a dispatch: a linked kernel, its constants, its bindings, its grid.

use std::borrow::Cow;

use atrous_graph::{DType, TensorType};
use atrous_shaders::{Call, Shader};

use crate::dispatch::{Binding, Dispatch, GROUP, Slot, linear_grid};
use crate::error::PlanError;
use crate::limits::{ADDRESSABLE, Limits};
use crate::problem::{Part, Problem};
use crate::target::Target;

/// Number of vec4s of a tensor in memory.
pub(crate) fn vec4s(ty: TensorType) -> usize {
    ty.padded_len() / 4
}

/// Bytes of a vec4 of a tensor.
pub(crate) const fn vec4_bytes(ty: TensorType) -> u64 {
    4 * ty.dtype.bytes()
}

/// Whether a tensor is stored in f16: the axis `half` of kernels.
pub(crate) fn is_half(ty: TensorType) -> bool {
    ty.dtype == DType::F16
}

/// Checks a size against a limit of the adapter.
pub(crate) const fn within(what: &'static str, needs: u64, limit: u64) -> Result<(), PlanError> {
    if needs <= limit { Ok(()) } else { Err(PlanError::Limit { what, needs, limit }) }
}

/// Checks the number and the sizes of bindings. `count` is the number of all bindings, tables included.
pub(crate) fn check_bindings(bindings: &[Binding], count: usize, limits: &Limits) -> Result<(), PlanError> {
    within("storage bindings", count as u64, limits.storage_bindings.into())?;
    bindings.iter().try_for_each(|b| within("bytes in one binding", b.size, limits.max_binding.min(ADDRESSABLE)))
}

/// A binding of a kernel: a window of a tensor, and where the kernel begins in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    window: Binding,
    /// Index of the first element of the kernel's array that it uses.
    base: f64,
    /// Vec4s from one pixel to the next.
    stride: u32,
    /// Whether the tensor is a range of the channels of a wider one.
    slice: bool,
}

impl Bound {
    /// Input `i` of a problem.
    ///
    /// # Panics
    /// If there is no such input.
    pub(crate) fn input(problem: &Problem<'_>, i: usize) -> Self {
        Self::part(Slot::Input(i), &problem.inputs[i])
    }

    /// The result of a problem.
    pub(crate) fn output(problem: &Problem<'_>) -> Self {
        Self::part(Slot::Output, &problem.output)
    }

    /// A range of bytes, used from element `base` of the kernel's array on: partial results, tables, regions of an
    /// input.
    pub(crate) const fn window(window: Binding, base: usize) -> Self {
        Self { window, base: base as f64, stride: 1, slice: false }
    }

    /// This binding of a tensor whose pixels lie this many vec4s apart.
    pub(crate) const fn with_stride(self, vec4s: usize) -> Self {
        Self { stride: vec4s as u32, ..self }
    }

    /// This binding, from a later pixel on.
    pub(crate) fn at_pixel(self, pixel: usize) -> Self {
        Self { base: self.base + pixel as f64 * f64::from(self.stride), ..self }
    }

    /// The window of a part.
    pub(crate) fn part(slot: Slot, part: &Part) -> Self {
        Self {
            window: Binding { slot, offset: 0, size: part.bytes() },
            base: f64::from(part.base),
            stride: part.stride,
            slice: part.is_slice(),
        }
    }
}

/// A kernel of the catalogue with its constants set and everything bound.
///
/// # Panics
/// If a range of channels is bound where the kernel does not accept one: a bug of the planner.
impl From<Call<Bound>> for Kernel {
    fn from(call: Call<Bound>) -> Self {
        let Call { shader, constants: mut overrides, bindings: arguments } = call;
        let mut bindings = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let Bound { window, base, stride, slice } = argument.value;
            assert!(argument.stride.is_some() || !slice, "{} takes no range of channels: a bug of atrous", shader.name);
            overrides.extend(argument.base.map(|name| (name, base)));
            overrides.extend(argument.stride.map(|name| (name, f64::from(stride))));
            bindings.push(window);
        }
        Self { shader, overrides, bindings }
    }
}

/// A dispatch under construction, without its grid.
pub(crate) struct Kernel {
    shader: &'static Shader,
    overrides: Vec<(&'static str, f64)>,
    bindings: Vec<Binding>,
}

impl Kernel {
    /// A linear grid of at least this many invocations.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the adapter's workgroups, grid or bindings are too small.
    pub(crate) fn invocations(self, count: usize, target: &Target) -> Result<Dispatch, PlanError> {
        self.groups((count as u64).div_ceil(u64::from(GROUP)), target)
    }

    /// A linear grid of this many workgroups.
    ///
    /// # Errors
    /// As [`Kernel::invocations`].
    pub(crate) fn groups(self, groups: u64, target: &Target) -> Result<Dispatch, PlanError> {
        let limits = &target.limits;
        within("invocations in a workgroup", GROUP.into(), limits.max_invocations.into())?;
        check_bindings(&self.bindings, self.shader.bindings.len(), limits)?;
        let tables = usize::from(!self.shader.sizes.is_empty());
        debug_assert_eq!(self.bindings.len() + tables, self.shader.bindings.len(), "bindings of {}", self.shader.name);
        let grid = linear_grid(groups, limits.max_workgroups)?;
        Ok(Dispatch { shader: Cow::Borrowed(self.shader), overrides: self.overrides, bindings: self.bindings, grid })
    }
}
