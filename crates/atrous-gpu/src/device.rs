//! An opened adapter.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use atrous_graph::passes::Precision;
use atrous_kernels::{Cooperative, Target};

use crate::adapter::{choose, plan_limits};
use crate::disk_cache::DiskCache;
use crate::interop::Kernels;
use crate::pipelines::Pipelines;
use crate::tune::Tuned;
use crate::{AdapterChoice, AdapterInfo, DeviceOptions, GpuError, LimitsChoice, cooperative};

/// An opened adapter with its compiled kernels. Clones are the same device.
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
    raw: wgpu::Device,
    queue: wgpu::Queue,
    info: AdapterInfo,
    target: Target,
    options: DeviceOptions,
    health: Arc<Mutex<Health>>,
    pipelines: Pipelines,
    /// Of the caller's buffers and textures.
    kernels: Kernels,
    tuned: Tuned,
    /// Set when they have passed their test.
    cooperative: OnceLock<Cooperative>,
}

/// What went wrong outside of any call.
#[derive(Default)]
struct Health {
    lost: Option<String>,
    error: Option<GpuError>,
}

fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoMatch`], [`GpuError::RequestDevice`] if the adapter is below the limits asked
    /// for, [`GpuError::NoF16`], or [`GpuError::NoCooperative`].
    pub async fn open(choice: &AdapterChoice, options: DeviceOptions) -> Result<Self, GpuError> {
        let (adapter, info) = choose(choice).await?;
        let required_limits = match options.limits {
            LimitsChoice::Adapter => adapter.limits(),
            LimitsChoice::WebGpuDefaults => wgpu::Limits::default(),
        };
        check_precision(&info, options.precision)?;
        let matrices = match options.cooperative {
            true => {
                Some(cooperative::of(&adapter, adapter.features()).map_err(|reason| no_cooperative(&info, reason))?)
            }
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
        watch(device.raw(), &device.shared.health);
        device.try_cooperative(matrices).await;
        Ok(device)
    }

    /// A device of ours around one of wgpu's.
    pub(crate) fn around(raw: wgpu::Device, queue: wgpu::Queue, info: AdapterInfo, options: DeviceOptions) -> Self {
        let target = Target { f16: info.f16, ..Target::new(plan_limits(&raw.limits()), info.software()) };
        let pipelines = Pipelines::new(DiskCache::open(&raw, &options.pipeline_cache));
        let tuned = Tuned::open(&info, &options);
        let (health, kernels, cooperative) = (Arc::default(), Kernels::default(), OnceLock::new());
        let shared = Shared { raw, queue, info, target, options, health, pipelines, kernels, tuned, cooperative };
        Self { shared: Arc::new(shared) }
    }

    /// Uses those of these matrices that pass their test.
    pub(crate) async fn try_cooperative(&self, matrices: Option<Cooperative>) {
        if let Some(matrices) = matrices
            && let Some(proven) = cooperative::tested(self, matrices).await
        {
            self.shared.cooperative.get_or_init(|| proven);
        }
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

    /// What is known of the adapter that was opened.
    pub fn info(&self) -> &AdapterInfo {
        &self.shared.info
    }

    /// How the device was opened.
    pub fn options(&self) -> &DeviceOptions {
        &self.shared.options
    }

    /// What plans for this device must know: the limits it was opened with, whether it is a CPU, the matrices it multiplies, and what
    /// tuning found.
    pub fn target(&self) -> Target {
        let cooperative = self.shared.cooperative.get().copied();
        Target { choices: self.shared.tuned.choices(), cooperative, ..self.shared.target.clone() }
    }

    /// Number of pipelines compiled so far.
    pub fn compiled_pipelines(&self) -> usize {
        self.shared.pipelines.len()
    }

    /// Time spent on compiling them, in which the making of sessions waited; zero in browsers.
    pub fn compile_time(&self) -> Duration {
        self.shared.pipelines.spent()
    }

    /// Has `watcher` called with the number of kernels each time some are about to be compiled. The first session of a network waits
    /// for them: seconds, with some drivers a minute, and much less where the driver finds them in its
    /// [`PipelineCache`](crate::PipelineCache). A program that starts can say so.
    pub fn on_compile(&self, watcher: impl Fn(usize) + Send + Sync + 'static) {
        self.shared.pipelines.watch(Arc::new(watcher));
    }

    /// Gives all of the device's memory back at once, that of other libraries too. Every session on it then answers
    /// [`GpuError::DeviceLost`].
    pub fn destroy(&self) {
        lock(&self.shared.health).lost.get_or_insert_with(|| "it was destroyed".to_owned());
        self.shared.raw.destroy();
    }

    /// The device of wgpu, for buffers, textures and passes of one's own beside those of atrous.
    pub fn raw(&self) -> &wgpu::Device {
        &self.shared.raw
    }

    /// The queue of wgpu.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.shared.pipelines
    }

    pub(crate) fn kernels(&self) -> &Kernels {
        &self.shared.kernels
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn tuned(&self) -> &Tuned {
        &self.shared.tuned
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns what went wrong outside of any call since the last look. A lost device stays lost.
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        let mut health = lock(&self.shared.health);
        if let Some(reason) = &health.lost {
            return Err(GpuError::DeviceLost(reason.clone()));
        }
        health.error.take().map_or(Ok(()), Err)
    }

    /// Does `work` and returns the first error WebGPU raised meanwhile. Browsers raise errors later: there they come out of
    /// a later [`Self::check`].
    pub(crate) fn scope<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T, GpuError> {
        if cfg!(target_arch = "wasm32") {
            let value = work();
            return self.check().map(|()| value);
        }
        let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| self.shared.raw.push_error_scope(filter));
        let value = work();
        // Scopes close in reverse order; outside of browsers their results are there at once.
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
        let error = errors.fold(None, |first, error| first.or(Some(error)));
        self.check()?;
        error.map_or(Ok(value), |error| Err(self.cause(GpuError::from_wgpu(what, &error))))
    }

    /// Why something failed: the device was lost, or what `error` says.
    pub(crate) fn cause(&self, error: GpuError) -> GpuError {
        self.check_alive().err().unwrap_or(error)
    }

    /// Whether the device was lost without a word: wgpu tells of it only the one callback of whoever opened the device, and lets
    /// everything made afterwards be invalid.
    pub(crate) fn check_alive(&self) -> Result<(), GpuError> {
        if self.is_alive() {
            return Ok(());
        }
        let mut health = lock(&self.shared.health);
        let reason = health.lost.get_or_insert_with(|| "whoever opened it was told why".to_owned());
        Err(GpuError::DeviceLost(reason.clone()))
    }

    /// Whether a new buffer is valid. Memory that is short is no loss; in browsers a lost device seems to go on.
    fn is_alive(&self) -> bool {
        if cfg!(target_arch = "wasm32") {
            return true;
        }
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        };
        let scope = self.shared.raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.shared.raw.create_buffer(&descriptor);
        let short = pollster::block_on(scope.pop()).is_some();
        short || buffer.get_mapped_range_mut(..).is_ok()
    }

    /// Polls the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn poll(&self, how: wgpu::PollType) -> Result<(), GpuError> {
        // wgpu panics when a device is lost while it is polled, after it has called back with the reason.
        let poll = std::panic::AssertUnwindSafe(|| self.shared.raw.poll(how));
        let polled = std::panic::catch_unwind(poll);
        let health = lock(&self.shared.health);
        match (&health.lost, polled) {
            (Some(reason), _) => Err(GpuError::DeviceLost(reason.clone())),
            (None, Ok(Ok(_))) => Ok(()),
            (None, Ok(Err(error))) => Err(GpuError::DeviceLost(error.to_string())),
            (None, Err(_)) => Err(GpuError::DeviceLost("polling it failed".to_owned())),
        }
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("info", self.info()).field("options", &self.options()).finish_non_exhaustive()
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

/// Records the loss of the device and errors that no scope catches, instead of wgpu's panic.
fn watch(raw: &wgpu::Device, health: &Arc<Mutex<Health>>) {
    let on_lost = health.clone();
    raw.set_device_lost_callback(move |reason, message| {
        let text = if message.is_empty() { format!("{reason:?}") } else { message };
        lock(&on_lost).lost.get_or_insert(text);
    });
    let on_error = health.clone();
    raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        lock(&on_error).error.get_or_insert_with(|| GpuError::from_wgpu("a command", &error));
    }));
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
