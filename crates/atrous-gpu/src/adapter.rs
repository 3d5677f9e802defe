//! Which adapters there are and which one is used.

use std::fmt;

use atrous_kernels::Limits;

use crate::GpuError;

/// The native interfaces WebGPU stands on, and the browser's.
const BACKENDS: wgpu::Backends = wgpu::Backends::PRIMARY;

/// Which adapter to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// Discrete before integrated before virtual; a software adapter only if there is nothing else.
    #[default]
    Auto,
    /// The best adapter with this text in its name or driver, in any case of letters.
    Name(String),
    /// The adapter of this index in [`adapters`].
    Index(usize),
    /// A software adapter, such as Mesa's lavapipe.
    Software,
}

impl AdapterChoice {
    /// What `ATROUS_ADAPTER` says: `software`, a number for an index, or a part of a name; [`Self::Auto`] if it is not set.
    pub fn from_env() -> Self {
        Self::parse(&std::env::var_os("ATROUS_ADAPTER").unwrap_or_default().to_string_lossy())
    }

    /// Reads the text that [`Self::from_env`] and command lines take; empty or `auto` is [`Self::Auto`].
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" | "auto" => Self::Auto,
            "software" => Self::Software,
            text => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        }
    }

    /// Picks among the adapters; `None` if none fits.
    fn pick(&self, infos: &[AdapterInfo]) -> Option<usize> {
        let fits = |info: &AdapterInfo| match self {
            Self::Auto => true,
            Self::Name(part) => {
                let part = part.to_lowercase();
                [&info.name, &info.driver].iter().any(|text| text.to_lowercase().contains(&part))
            }
            Self::Index(index) => info.index == *index,
            Self::Software => info.software(),
        };
        (0..infos.len()).filter(|i| fits(&infos[*i])).min_by_key(|i| infos[*i].kind)
    }
}

impl fmt::Display for AdapterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("any adapter"),
            Self::Name(part) => write!(f, "named \"{part}\""),
            Self::Index(index) => write!(f, "at index {index}"),
            Self::Software => f.write_str("a software adapter"),
        }
    }
}

/// What an adapter is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU of a virtual machine.
    Virtual,
    /// Unknown; browsers do not tell.
    Other,
    /// The CPU.
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
    /// Its index in [`adapters`].
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The interface below WebGPU, such as `vulkan`.
    pub backend: String,
    /// What it is.
    pub kind: AdapterKind,
    /// The driver's name and version, as far as it tells.
    pub driver: String,
    /// Vendor and device number, mostly those of PCI.
    pub id: (u32, u32),
    /// Its limits, as far as plans depend on them.
    pub limits: Limits,
    /// Whether runs can be timed on the device.
    pub timestamps: bool,
    /// All features by WebGPU's (or wgpu's) names.
    pub features: Vec<String>,
}

impl AdapterInfo {
    /// Whether the adapter is a CPU.
    pub fn software(&self) -> bool {
        self.kind == AdapterKind::Software
    }

    pub(crate) fn new(index: usize, adapter: &wgpu::Adapter) -> Self {
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
            features: features.iter_names().map(|(name, _)| name.to_lowercase()).collect(),
        }
    }
}

impl fmt::Display for AdapterInfo {
    /// `0: llvmpipe (LLVM 15.0.6, 256 bits) [vulkan, software, runs on the CPU, llvmpipe Mesa 22.3.6]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}, {}", self.index, self.name, self.backend, self.kind)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        f.write_str("]")
    }
}

/// All adapters of this machine, in the order of their indices.
pub async fn adapters() -> Vec<AdapterInfo> {
    found().await.1
}

/// [`adapters`], for callers that may block.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters_blocking() -> Vec<AdapterInfo> {
    pollster::block_on(adapters())
}

/// The adapter of this choice.
pub(crate) async fn choose(choice: &AdapterChoice) -> Result<(wgpu::Adapter, AdapterInfo), GpuError> {
    let (mut adapters, mut infos) = found().await;
    if infos.is_empty() {
        let names: Vec<String> =
            (BACKENDS & wgpu::Instance::enabled_backend_features()).iter().map(|b| format!("{b:?}")).collect();
        return Err(GpuError::NoAdapter { looked_for: format!("{choice} through {}", names.join(", ")) });
    }
    let Some(picked) = choice.pick(&infos) else {
        let available: Vec<String> = infos.iter().map(ToString::to_string).collect();
        return Err(GpuError::NoMatch { wanted: choice.to_string(), available: available.join("; ") });
    };
    let (adapter, info) = (adapters.swap_remove(picked), infos.swap_remove(picked));
    tracing::info!(adapter = %info, "opening adapter");
    if info.software() && *choice == AdapterChoice::Auto {
        tracing::warn!(adapter = %info, "there is no GPU: a software adapter runs on the CPU, slowly");
    }
    Ok((adapter, info))
}

async fn found() -> (Vec<wgpu::Adapter>, Vec<AdapterInfo>) {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = BACKENDS;
    // Drivers promise more than there is; creation should fail before the machine starts to swap.
    descriptor.memory_budget_thresholds.for_resource_creation = Some(95);
    let adapters = wgpu::Instance::new(descriptor).enumerate_adapters(BACKENDS).await;
    let infos = adapters.iter().enumerate().map(|(i, a)| AdapterInfo::new(i, a)).collect();
    (adapters, infos)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn info(index: usize, name: &str, kind: AdapterKind) -> AdapterInfo {
        AdapterInfo {
            index,
            name: name.to_owned(),
            backend: "vulkan".to_owned(),
            kind,
            driver: "Driver 1".to_owned(),
            id: (0, 0),
            limits: Limits::WEBGPU,
            timestamps: false,
            features: Vec::new(),
        }
    }

    #[test]
    fn discrete_comes_first_and_software_last() {
        let all = [
            info(0, "llvmpipe", AdapterKind::Software),
            info(1, "Iris", AdapterKind::Integrated),
            info(2, "GeForce", AdapterKind::Discrete),
            info(3, "Radeon", AdapterKind::Discrete),
        ];
        assert_eq!(AdapterChoice::Auto.pick(&all), Some(2));
        assert_eq!(AdapterChoice::Auto.pick(&all[..2]), Some(1));
        assert_eq!(AdapterChoice::Auto.pick(&all[..1]), Some(0));
        assert_eq!(AdapterChoice::Software.pick(&all), Some(0));
        assert_eq!(AdapterChoice::Software.pick(&all[1..]), None);
        assert_eq!(AdapterChoice::Name("rade".to_owned()).pick(&all), Some(3));
        assert_eq!(AdapterChoice::Index(1).pick(&all), Some(1));
        assert_eq!(AdapterChoice::Index(4).pick(&all), None);
    }

    #[test]
    fn text_becomes_a_choice() {
        assert_eq!(AdapterChoice::parse(""), AdapterChoice::Auto);
        assert_eq!(AdapterChoice::parse("software"), AdapterChoice::Software);
        assert_eq!(AdapterChoice::parse("1"), AdapterChoice::Index(1));
        assert_eq!(AdapterChoice::parse("RTX 3060"), AdapterChoice::Name("RTX 3060".to_owned()));
    }
}
