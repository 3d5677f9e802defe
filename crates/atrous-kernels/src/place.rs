//! Places in the buffers of a plan.

/// The place of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Plan::buffers`](crate::Plan::buffers).
    pub buffer: usize,
    /// First byte, aligned for bindings.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Place {
    /// Length in vec4s of 32-bit numbers.
    pub(crate) const fn vec4s(&self) -> usize {
        (self.bytes / 16) as usize
    }
}
