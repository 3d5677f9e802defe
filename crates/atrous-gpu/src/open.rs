//! Opening an adapter.

use atrous_graph::passes::Precision;
use atrous_kernels::Cooperative;

use crate::adapters::choose;
use crate::{
    AdapterChoice, AdapterInfo, Device, DeviceOptions, GpuError, LimitsChoice, cooperative, cooperative_proof,
};

impl Device {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoMatch`], [`GpuError::RequestDevice`] if the adapter is below the limits asked
    /// for, [`GpuError::NoF16`], or [`GpuError::NoCooperative`].
    pub async fn open(choice: &AdapterChoice, options: DeviceOptions) -> Result<Self, GpuError> {
        let (adapter, info) = choose(choice).await?;
        let (device, matrices) = Self::open_adapter(&adapter, info, options).await?;
        cooperative_proof::enable(&device, matrices).await;
        Ok(device)
    }

    /// Opens this adapter. Plans for the device use no cooperative matrices yet; returns also those to test, if they are asked for.
    pub(crate) async fn open_adapter(
        adapter: &wgpu::Adapter,
        info: AdapterInfo,
        options: DeviceOptions,
    ) -> Result<(Self, Option<Cooperative>), GpuError> {
        let required_limits = match options.limits {
            LimitsChoice::Adapter => adapter.limits(),
            LimitsChoice::WebGpuDefaults => wgpu::Limits::default(),
        };
        check_precision(&info, options.precision)?;
        let matrices = match options.cooperative {
            true => Some(cooperative::of(adapter, adapter.features()).map_err(|reason| no_cooperative(&info, reason))?),
            false => None,
        };
        let mut features = wgpu::Features::empty();
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if matrices.is_some() {
            features |= cooperative::FEATURES;
            // SAFETY: of what is experimental, only cooperative matrices are asked for. What wgpu cannot check of them holds by the
            // kernel: all of a subgroup takes part in every operation, and all matrices lie within workgroup memory.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        if info.software() {
            features |= wgpu::Features::SUBGROUP;
        }
        if options.timestamps {
            features |= wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
        }
        if options.pipeline_cache.folder().is_some() {
            features |= wgpu::Features::PIPELINE_CACHE;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("atrous"),
            required_features: adapter.features() & features,
            required_limits,
            experimental_features,
            ..wgpu::DeviceDescriptor::default()
        };
        let (raw, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| GpuError::RequestDevice { adapter: info.name.clone(), reason: e.to_string() })?;
        let device = Self::around(raw, queue, info, options);
        device.handle().watch();
        Ok((device, matrices))
    }

    /// [`Self::open`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::open`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_blocking(choice: &AdapterChoice, options: DeviceOptions) -> Result<Self, GpuError> {
        pollster::block_on(Self::open(choice, options))
    }

    /// Opens what the environment asks for, see [`AdapterChoice::from_env`] and [`DeviceOptions::from_env`].
    ///
    /// # Errors
    /// As [`Self::open`], and [`GpuError::Environment`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_env_blocking() -> Result<Self, GpuError> {
        Self::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env()?)
    }
}

/// Refuses f16 on an adapter that does not convert it.
pub(crate) fn check_precision(info: &AdapterInfo, precision: Precision) -> Result<(), GpuError> {
    if precision == Precision::F16 && !info.f16 {
        return Err(GpuError::NoF16 { adapter: info.name.clone() });
    }
    Ok(())
}

pub(crate) fn no_cooperative(info: &AdapterInfo, reason: String) -> GpuError {
    GpuError::NoCooperative { adapter: info.name.clone(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_is_refused_where_the_adapter_lacks_it() {
        let Some(mut info) = crate::adapters_blocking().into_iter().next() else { panic!("the test needs an adapter") };
        info.f16 = false;
        assert!(check_precision(&info, Precision::F32).is_ok());
        let error = check_precision(&info, Precision::F16).expect_err("an adapter without f16").to_string();
        assert!(error.contains("SHADER_F16_IN_F32") && error.contains(&info.name), "{error}");
        info.f16 = true;
        assert!(check_precision(&info, Precision::F16).is_ok());
    }
}
