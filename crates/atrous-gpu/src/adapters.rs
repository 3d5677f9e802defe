//! The adapters of this machine.

use crate::{AdapterChoice, AdapterInfo, GpuError};

/// The backends that are looked at: Vulkan, Metal, DX12 and the browser's WebGPU.
const BACKENDS: wgpu::Backends = wgpu::Backends::PRIMARY;

/// All adapters of this machine, in the order of their indices.
pub async fn adapters() -> Vec<AdapterInfo> {
    found().await.1
}

/// [`adapters`], for callers that may block.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters_blocking() -> Vec<AdapterInfo> {
    pollster::block_on(adapters())
}

/// Finds the adapter of this choice.
///
/// # Errors
/// [`GpuError::NoAdapter`], [`GpuError::NoMatch`].
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

/// All adapters of wgpu with their descriptions, in the same order.
async fn found() -> (Vec<wgpu::Adapter>, Vec<AdapterInfo>) {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = BACKENDS;
    // Drivers hand out more memory than there is. With this threshold (in percent) the creation of a buffer fails before the machine
    // starts to swap.
    descriptor.memory_budget_thresholds.for_resource_creation = Some(95);
    let adapters = wgpu::Instance::new(descriptor).enumerate_adapters(BACKENDS).await;
    let infos = adapters.iter().enumerate().map(|(i, a)| AdapterInfo::new(Some(i), a)).collect();
    (adapters, infos)
}
