//! Checks of a custom operation's kernel beyond those of WebGPU.

use atrous_kernels::plan::PlannedDispatch;

use crate::GpuError;

/// Refuses a kernel that needs more than `limit` bytes of workgroup memory. WebGPU demands this check of pipelines, but wgpu leaves
/// it to the driver.
///
/// # Errors
/// [`GpuError::CustomKernel`]
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn check(dispatch: &PlannedDispatch, limit: u32) -> Result<(), GpuError> {
    match workgroup_bytes(&dispatch.shader.source, &dispatch.overrides) {
        Some(bytes) if bytes > limit => {
            let reason = format!("it needs {bytes} bytes of workgroup memory, the adapter allows {limit}");
            Err(GpuError::CustomKernel { op: dispatch.shader.name, reason })
        }
        _ => Ok(()),
    }
}

/// Browsers check workgroup memory themselves.
#[cfg(target_arch = "wasm32")]
pub(crate) fn check(_: &PlannedDispatch, _: u32) -> Result<(), GpuError> {
    Ok(())
}

/// Bytes of all variables in workgroup memory; `None` if the text is not valid, so that no pipeline can be made from it.
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
