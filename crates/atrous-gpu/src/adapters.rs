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
    let (adapter, info) = find(&choice.to_string(), |infos| choice.pick(infos)).await?;
    tracing::info!(adapter = %info, "opening adapter");
    if info.software() && *choice == AdapterChoice::Auto {
        tracing::warn!(adapter = %info, "there is no GPU: a software adapter runs on the CPU, slowly");
    }
    Ok((adapter, info))
}

/// Finds the adapter that is described, perhaps at another index now.
///
/// # Errors
/// [`GpuError::NoAdapter`], [`GpuError::NoMatch`].
pub(crate) async fn find_again(info: &AdapterInfo) -> Result<(wgpu::Adapter, AdapterInfo), GpuError> {
    let same = |found: &AdapterInfo| AdapterInfo { index: info.index, ..found.clone() } == *info;
    let place = |infos: &[AdapterInfo]| {
        let all = (0..infos.len()).filter(|i| same(&infos[*i]));
        all.min_by_key(|i| infos[*i].index != info.index)
    };
    find(&info.to_string(), place).await
}

/// Finds the adapter that `pick` chooses; `wanted` describes it.
async fn find(
    wanted: &str,
    pick: impl FnOnce(&[AdapterInfo]) -> Option<usize>,
) -> Result<(wgpu::Adapter, AdapterInfo), GpuError> {
    let (mut adapters, mut infos) = found().await;
    if infos.is_empty() {
        let names: Vec<String> =
            (BACKENDS & wgpu::Instance::enabled_backend_features()).iter().map(|b| format!("{b:?}")).collect();
        return Err(GpuError::NoAdapter { looked_for: format!("{wanted} through {}", names.join(", ")) });
    }
    let Some(picked) = pick(&infos) else {
        let available: Vec<String> = infos.iter().map(ToString::to_string).collect();
        return Err(GpuError::NoMatch { wanted: wanted.to_owned(), available: available.join("; ") });
    };
    Ok((adapters.swap_remove(picked), infos.swap_remove(picked)))
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
