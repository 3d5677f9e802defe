//! What is looked at in the kernel of a custom operation beyond WebGPU's own checks.

use atrous_kernels::plan::PlannedDispatch;

use crate::{Device, GpuError};

/// Refuses more workgroup memory than the device has. WebGPU demands it of pipelines, but wgpu leaves it to the driver.
///
/// # Errors
/// [`GpuError::CustomKernel`]
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn check(device: &Device, dispatch: &PlannedDispatch) -> Result<(), GpuError> {
    let limit = device.target().limits.workgroup_memory;
    match workgroup_bytes(&dispatch.shader.source, &dispatch.overrides) {
        Some(bytes) if bytes > limit => {
            let reason = format!("it needs {bytes} bytes of workgroup memory, the adapter allows {limit}");
            Err(GpuError::CustomKernel { op: dispatch.shader.name, reason })
        }
        _ => Ok(()),
    }
}

/// Browsers look at it themselves.
#[cfg(target_arch = "wasm32")]
pub(crate) fn check(_: &Device, _: &PlannedDispatch) -> Result<(), GpuError> {
    Ok(())
}

/// Bytes of all variables in workgroup memory. `None` of a text that is wrong, of which a pipeline cannot be made.
#[cfg(not(target_arch = "wasm32"))]
fn workgroup_bytes(source: &str, overrides: &[(&str, f64)]) -> Option<u32> {
    use wgpu::naga::AddressSpace;
    use wgpu::naga::back::pipeline_constants::process_overrides;
    use wgpu::naga::front::wgsl::parse_str;
    use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};

    let module = parse_str(source).ok()?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).ok()?;
    let constants = overrides.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let (module, _) = process_overrides(&module, &info, None, &constants).ok()?;
    let variables = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
    Some(variables.fold(0, |sum: u32, (_, v)| sum.saturating_add(module.types[v.ty].inner.size(module.to_ctx()))))
}
