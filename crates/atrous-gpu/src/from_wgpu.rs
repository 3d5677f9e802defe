//! Devices that the caller opened and may share with other libraries.

#[cfg(not(target_arch = "wasm32"))]
use std::sync::{Arc, OnceLock};

use crate::open::{check_precision, no_cooperative};
use crate::{AdapterInfo, Device, DeviceOptions, GpuError, cooperative, cooperative_proof};

impl Device {
    /// Wraps a device that the caller opened with `wgpu`. The caller may go on using it for other work, and exchange buffers and
    /// textures with atrous on the device.
    ///
    /// Plans keep to the limits that the device was opened with; [`DeviceOptions::limits`] is ignored. They must be at least
    /// WebGPU's default limits for `max_storage_buffers_per_shader_stage` (8), `max_compute_invocations_per_workgroup` (256),
    /// `max_compute_workgroup_size_x` (256), `max_compute_workgroup_storage_size` (16384) and
    /// `max_compute_workgroups_per_dimension` (65535). Tensors are cut to fit `max_storage_buffer_binding_size` and
    /// `max_buffer_size`, so the adapter's own values of these two are best.
    ///
    /// No feature is required. On a software adapter `SUBGROUP` makes convolutions about twice as fast. Of the device's other features these
    /// are used if the options ask for them: `TIMESTAMP_QUERY` for
    /// [`timestamps`](DeviceOptions::timestamps), `PIPELINE_CACHE` for [`pipeline_cache`](DeviceOptions::pipeline_cache); without
    /// them runs are not timed and compiled kernels are not kept. [f16](DeviceOptions::precision) depends on the adapter alone.
    ///
    /// The callbacks of the device for its loss and for uncaptured errors are not changed, since atrous makes its calls in error scopes.
    /// In browsers, where scopes end later, errors of atrous reach the callback for uncaptured errors.
    ///
    /// The call waits for work that was submitted to the queue before.
    ///
    /// # Errors
    /// [`GpuError::DeviceLimit`], [`GpuError::OtherAdapter`] and [`GpuError::OtherQueue`] if the three do not belong together,
    /// [`GpuError::NoF16`], [`GpuError::NoCooperative`] also if the device was opened without the features for it,
    /// [`GpuError::DeviceLost`].
    pub async fn from_wgpu(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
        options: DeviceOptions,
    ) -> Result<Self, GpuError> {
        let info = AdapterInfo::new(None, adapter);
        check_adapter(device.adapter_info(), adapter.get_info())?;
        check_limits(&device.limits())?;
        check_precision(&info, options.precision)?;
        let matrices = match options.cooperative {
            true => Some(cooperative::of(adapter, device.features()).map_err(|reason| no_cooperative(&info, reason))?),
            false => None,
        };
        let device = Self::around(device, queue, info, options);
        device.handle().check_alive()?;
        #[cfg(not(target_arch = "wasm32"))]
        check_queue(&device)?;
        cooperative_proof::enable(&device, matrices).await;
        Ok(device)
    }

    /// [`Self::from_wgpu`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::from_wgpu`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_wgpu_blocking(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
        options: DeviceOptions,
    ) -> Result<Self, GpuError> {
        pollster::block_on(Self::from_wgpu(adapter, device, queue, options))
    }
}

fn check_adapter(device: wgpu::AdapterInfo, adapter: wgpu::AdapterInfo) -> Result<(), GpuError> {
    match device == adapter {
        true => Ok(()),
        false => Err(GpuError::OtherAdapter { device: device.name, adapter: adapter.name }),
    }
}

/// Refuses a device whose limits are below what kernels need. The limits for sizes of tensors are checked by the planner.
fn check_limits(limits: &wgpu::Limits) -> Result<(), GpuError> {
    let least = wgpu::Limits::default();
    let all = [
        (
            "max_storage_buffers_per_shader_stage",
            least.max_storage_buffers_per_shader_stage,
            limits.max_storage_buffers_per_shader_stage,
        ),
        ("max_bind_groups", 1, limits.max_bind_groups),
        ("max_bindings_per_bind_group", least.max_storage_buffers_per_shader_stage, limits.max_bindings_per_bind_group),
        (
            "max_compute_invocations_per_workgroup",
            least.max_compute_invocations_per_workgroup,
            limits.max_compute_invocations_per_workgroup,
        ),
        ("max_compute_workgroup_size_x", least.max_compute_workgroup_size_x, limits.max_compute_workgroup_size_x),
        (
            "max_compute_workgroup_storage_size",
            least.max_compute_workgroup_storage_size,
            limits.max_compute_workgroup_storage_size,
        ),
        (
            "max_compute_workgroups_per_dimension",
            least.max_compute_workgroups_per_dimension,
            limits.max_compute_workgroups_per_dimension,
        ),
    ];
    match all.into_iter().find(|(_, needs, got)| got < needs) {
        Some((limit, needs, got)) => Err(GpuError::DeviceLimit { limit, needs: needs.into(), got: got.into() }),
        None => Ok(()),
    }
}

/// How often [`check_queue`] tries, a millisecond apart, to be the thread whose poll runs the callback.
#[cfg(not(target_arch = "wasm32"))]
const TRIES: u32 = 200;

/// Checks that the queue belongs to the device: the callback for finished work of a queue runs on a thread that polls the queue's
/// device.
#[cfg(not(target_arch = "wasm32"))]
fn check_queue(device: &Device) -> Result<(), GpuError> {
    let here = std::thread::current().id();
    for _ in 0..TRIES {
        let caller = Arc::new(OnceLock::new());
        let called = caller.clone();
        device.queue().on_submitted_work_done(move || {
            called.get_or_init(|| std::thread::current().id());
        });
        device.handle().poll(wgpu::PollType::wait_indefinitely())?;
        if caller.get() == Some(&here) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Err(GpuError::OtherQueue)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test of a limit: its name, what kernels need, and the field.
    type Case = (&'static str, u32, fn(&mut wgpu::Limits) -> &mut u32);

    #[test]
    fn each_limit_below_what_kernels_need_is_named() {
        let cases: [Case; 7] = [
            ("max_storage_buffers_per_shader_stage", 8, |l| &mut l.max_storage_buffers_per_shader_stage),
            ("max_bind_groups", 1, |l| &mut l.max_bind_groups),
            ("max_bindings_per_bind_group", 8, |l| &mut l.max_bindings_per_bind_group),
            ("max_compute_invocations_per_workgroup", 256, |l| &mut l.max_compute_invocations_per_workgroup),
            ("max_compute_workgroup_size_x", 256, |l| &mut l.max_compute_workgroup_size_x),
            ("max_compute_workgroup_storage_size", 16384, |l| &mut l.max_compute_workgroup_storage_size),
            ("max_compute_workgroups_per_dimension", 65535, |l| &mut l.max_compute_workgroups_per_dimension),
        ];
        for (name, needs, field) in cases {
            let mut limits = wgpu::Limits::default();
            *field(&mut limits) = needs;
            assert!(check_limits(&limits).is_ok(), "{name}");
            *field(&mut limits) = needs - 1;
            let text = check_limits(&limits).expect_err(name).to_string();
            assert!(text.contains(&format!("{name} {}, atrous needs {needs}", needs - 1)), "{text}");
        }
    }

    #[test]
    fn a_device_of_another_adapter_is_refused_by_both_names() {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        let info = adapters.first().expect("the test needs an adapter").get_info();
        let other = wgpu::AdapterInfo { name: "Voodoo 2".to_owned(), ..info.clone() };
        assert!(check_adapter(info.clone(), info.clone()).is_ok());
        let text = check_adapter(info.clone(), other).expect_err("another adapter").to_string();
        assert_eq!(text, format!("the device was opened on adapter \"{}\", not on \"Voodoo 2\"", info.name));
    }
}
