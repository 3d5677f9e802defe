//! What an adapter allows.

/// Bytes that kernels can address in one binding: backends count them in 32 bits, some of them signed.
pub(crate) const ADDRESSABLE: u64 = 1 << 31;

/// Limits of a WebGPU device that decide which kernels are legal and how tensors are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Largest storage binding in bytes (`max_storage_buffer_binding_size`). Kernels use at most 2 GiB.
    pub max_binding: u64,
    /// Largest buffer in bytes (`max_buffer_size`).
    pub max_buffer: u64,
    /// Most workgroups in one dimension of a dispatch (`max_compute_workgroups_per_dimension`).
    pub max_workgroups: u32,
    /// Most invocations in one workgroup (`max_compute_invocations_per_workgroup`).
    pub max_invocations: u32,
    /// Bytes of workgroup memory (`max_compute_workgroup_storage_size`).
    pub workgroup_memory: u32,
    /// Storage buffers one kernel may bind (`max_storage_buffers_per_shader_stage`).
    pub storage_bindings: u32,
    /// Alignment of a storage binding's offset in bytes (`min_storage_buffer_offset_alignment`).
    pub alignment: u64,
}

impl Limits {
    /// The limits every WebGPU device has (<https://www.w3.org/TR/webgpu/#limits>).
    pub const WEBGPU: Self = Self {
        max_binding: 128 << 20,
        max_buffer: 256 << 20,
        max_workgroups: 65_535,
        max_invocations: 256,
        workgroup_memory: 16 << 10,
        storage_bindings: 8,
        alignment: 256,
    };

    /// Most bytes of a parameter, or of a piece of a cut one: those that one binding of one buffer can show.
    pub const fn max_parameter(&self) -> u64 {
        let binding = if self.max_binding < ADDRESSABLE { self.max_binding } else { ADDRESSABLE };
        if binding < self.max_buffer { binding } else { self.max_buffer }
    }
}
