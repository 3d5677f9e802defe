//! An opened adapter.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use atrous_kernels::{Cooperative, Target};

use crate::adapter::plan_limits;
use crate::avoided::Avoided;
use crate::disk_cache::DiskCache;
use crate::handle::Handle;
use crate::interop_kernels::Kernels;
use crate::pipelines::Pipelines;
use crate::tuned::Tuned;
use crate::watchers::Watchers;
use crate::{AdapterInfo, DeviceOptions, GpuError};

/// An opened adapter with its compiled kernels. Clones refer to the same device.
///
/// ```
/// use atrous_gpu::Device;
///
/// # fn main() -> Result<(), atrous_gpu::GpuError> {
/// // The best adapter of this machine, or the one that ATROUS_ADAPTER names.
/// let device = Device::from_env_blocking()?;
/// println!("{}", device.info());
/// assert!(device.info().limits.max_binding >= 128 << 20); // bytes, on every WebGPU device
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
}

struct Shared {
    handle: Handle,
    info: AdapterInfo,
    /// The limits and the kind of the adapter. Choices and matrices are added by [`Device::target`].
    target: Target,
    options: DeviceOptions,
    pipelines: Pipelines,
    /// Kernels that read and write the caller's buffers and textures.
    kernels: Kernels,
    tuned: Tuned,
    avoided: Avoided,
    /// The cooperative matrices that have passed their test.
    cooperative: OnceLock<Cooperative>,
    /// Most bytes of device memory for a session.
    budget: Mutex<Option<u64>>,
    /// Are told of the device that takes the place of this one.
    successors: Watchers<Device>,
}

impl Device {
    /// Makes a device from wgpu's device and queue.
    pub(crate) fn around(raw: wgpu::Device, queue: wgpu::Queue, info: AdapterInfo, options: DeviceOptions) -> Self {
        let limits = plan_limits(&raw.limits());
        let subgroup = subgroup(&raw, &info);
        let target = Target { f16: info.f16, subgroup, ..Target::new(limits, info.software()) };
        let disk = DiskCache::open(&raw, &options.pipeline_cache);
        let pipelines = Pipelines::new(disk, options.checks, limits.workgroup_memory);
        let (tuned, avoided) = (Tuned::open(&info, &options), Avoided::open(&info, &options));
        let (kernels, cooperative) = (Kernels::default(), OnceLock::new());
        let (handle, budget) = (Handle::new(raw, queue), Mutex::new(options.memory_budget));
        let successors = Watchers::default();
        let shared = Shared {
            handle,
            info,
            target,
            options,
            pipelines,
            kernels,
            tuned,
            avoided,
            cooperative,
            budget,
            successors,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Lets plans made from now on use these cooperative matrices. The first call counts.
    pub(crate) fn use_cooperative(&self, proven: Cooperative) {
        self.shared.cooperative.get_or_init(|| proven);
    }

    /// What is known of the adapter that was opened.
    pub fn info(&self) -> &AdapterInfo {
        &self.shared.info
    }

    /// How the device was opened. The budget may have [changed](Self::memory_budget) since.
    pub fn options(&self) -> &DeviceOptions {
        &self.shared.options
    }

    /// Most bytes of device memory for a session, parameters included.
    pub fn memory_budget(&self) -> Option<u64> {
        *self.shared.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the budget, such as when other programs need memory. Sessions that exist and are above it fail with
    /// [`GpuError::MemoryBudget`] at their next run, before anything is submitted; dropping them frees their memory.
    pub fn set_memory_budget(&self, bytes: Option<u64>) {
        *self.shared.budget.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// What plans for this device depend on: the limits it was opened with, whether it is a CPU, the cooperative matrices it
    /// multiplies, the choices that tuning found, and the variants to [avoid](Self::avoid).
    pub fn target(&self) -> Target {
        let cooperative = self.shared.cooperative.get().copied();
        let (choices, avoided) = (self.shared.tuned.choices(), self.shared.avoided.names());
        Target { choices, avoided, cooperative, ..self.shared.target.clone() }
    }

    /// Lets plans made from now on, here and in later programs on this adapter and driver with these kernels, do without some kernel
    /// variants, given by name with the reason. Replaces those avoided so far. `atrous doctor` finds variants whose results are wrong.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn avoid(&self, variants: std::collections::BTreeMap<&'static str, String>) {
        self.shared.avoided.replace(variants);
    }

    /// Number of pipelines compiled so far.
    pub fn compiled_pipelines(&self) -> usize {
        self.shared.pipelines.len()
    }

    /// Time that the creation of sessions spent on compiling pipelines; zero in browsers.
    pub fn compile_time(&self) -> Duration {
        self.shared.pipelines.spent()
    }

    /// Sets a function that is called with the number of kernels each time some are about to be compiled. The first session of a
    /// network waits for the compilation: seconds, with some drivers a minute, and much less where the driver finds the kernels in its
    /// [`PipelineCache`](crate::PipelineCache). A program can show this while it starts.
    pub fn on_compile(&self, watcher: impl Fn(usize) + Send + Sync + 'static) {
        self.shared.pipelines.watch(Arc::new(watcher));
    }

    /// Frees all of the device's memory at once, also that of other libraries that use the same wgpu device. Every later call of its
    /// sessions returns [`GpuError::DeviceLost`].
    pub fn destroy(&self) {
        self.shared.handle.destroy();
    }

    /// wgpu's device, for buffers, textures and passes of the caller's own.
    pub fn raw(&self) -> &wgpu::Device {
        &self.shared.handle.raw
    }

    /// wgpu's queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.shared.handle.queue
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.shared.pipelines
    }

    pub(crate) fn kernels(&self) -> &Kernels {
        &self.shared.kernels
    }

    pub(crate) fn avoided(&self) -> &Avoided {
        &self.shared.avoided
    }

    pub(crate) fn successors(&self) -> &Watchers<Self> {
        &self.shared.successors
    }

    pub(crate) fn tuned(&self) -> &Tuned {
        &self.shared.tuned
    }

    /// How long a call waits for a run; `None` if there is no limit.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        const GPU: Duration = Duration::from_secs(600);
        const NONE: Duration = Duration::from_secs(1 << 32);
        let default = (!self.info().software()).then_some(GPU);
        self.options().timeout.or(default).filter(|limit| *limit < NONE)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// See [`Handle::check`].
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        self.shared.handle.check()
    }

    /// See [`Handle::scope`].
    pub(crate) fn scope<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T, GpuError> {
        self.shared.handle.scope(what, work)
    }
}

/// Invocations of a subgroup, if kernels for this device may use subgroups. Browsers want a directive for that which naga 30 does not read
/// (<https://github.com/gfx-rs/wgpu/issues/5555>), so the text that one of them takes the other refuses.
fn subgroup(raw: &wgpu::Device, info: &AdapterInfo) -> Option<u32> {
    let have = info.software() && raw.features().contains(wgpu::Features::SUBGROUP) && !cfg!(target_arch = "wasm32");
    let wgpu::AdapterInfo { subgroup_min_size: least, subgroup_max_size: most, .. } = raw.adapter_info();
    (have && least == most).then_some(least)
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("info", self.info()).field("options", &self.options()).finish_non_exhaustive()
    }
}
