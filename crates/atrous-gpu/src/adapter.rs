//! What is known of an adapter.

use std::fmt;

use atrous_kernels::Limits;

use crate::cooperative;

/// The kind of an adapter. Kinds are ordered from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU of a virtual machine.
    Virtual,
    /// Unknown, as in browsers.
    Other,
    /// A driver that computes on the CPU, such as lavapipe or WARP.
    Software,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "unknown kind",
            Self::Software => "software, runs on the CPU",
        })
    }
}

/// What is known of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Index in [`adapters`](crate::adapters); `None` for an adapter that was given to [`Device::from_wgpu`](crate::Device::from_wgpu).
    pub index: Option<usize>,
    /// The adapter's name, as its driver gives it.
    pub name: String,
    /// The interface below WebGPU, such as `vulkan`.
    pub backend: String,
    /// What kind of adapter it is.
    pub kind: AdapterKind,
    /// The driver's name and version; empty if unknown.
    pub driver: String,
    /// Vendor and device number, usually the PCI ids.
    pub id: (u32, u32),
    /// The limits that plans depend on.
    pub limits: Limits,
    /// Whether runs can be timed on the device.
    pub timestamps: bool,
    /// Whether tensors can be stored in f16 (`SHADER_F16_IN_F32`: all but a few software adapters).
    pub f16: bool,
    /// The cooperative matrices that the adapter multiplies, such as `8×8×8 f16 -> f32`.
    pub cooperative: Vec<String>,
    /// All features by WebGPU's or wgpu's names, in lower case.
    pub features: Vec<String>,
}

impl AdapterInfo {
    /// Whether the adapter is a CPU.
    pub fn software(&self) -> bool {
        self.kind == AdapterKind::Software
    }

    pub(crate) fn new(index: Option<usize>, adapter: &wgpu::Adapter) -> Self {
        let (info, features) = (adapter.get_info(), adapter.features());
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Other => AdapterKind::Other,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
        };
        Self {
            index,
            name: info.name,
            backend: info.backend.to_string(),
            kind,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            id: (info.vendor, info.device),
            limits: plan_limits(&adapter.limits()),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            f16: adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32),
            cooperative: cooperative::listed(adapter),
            features: features.iter_names().map(|(name, _)| name.to_lowercase()).collect(),
        }
    }
}

impl fmt::Display for AdapterInfo {
    /// `0: llvmpipe (LLVM 15.0.6, 256 bits) [vulkan, software, runs on the CPU, llvmpipe Mesa 22.3.6]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "{index}: ")?;
        }
        write!(f, "{} [{}, {}", self.name, self.backend, self.kind)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        f.write_str("]")
    }
}

/// The limits that plans depend on. Sizes are kept below 2 GiB, so that byte addresses fit 32 bits on every backend, and
/// multiples of 16, the size of a vec4.
pub(crate) fn plan_limits(limits: &wgpu::Limits) -> Limits {
    let size = |bytes: u64| bytes.min((1 << 31) - 16) & !15;
    Limits {
        max_binding: size(limits.max_storage_buffer_binding_size),
        max_buffer: size(limits.max_buffer_size),
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_invocations: limits.max_compute_invocations_per_workgroup,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        storage_bindings: limits.max_storage_buffers_per_shader_stage,
        alignment: u64::from(limits.min_storage_buffer_offset_alignment),
    }
}
