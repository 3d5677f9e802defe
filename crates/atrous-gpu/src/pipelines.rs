//! Compiled kernels, each made once per device.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atrous_kernels::plan::PlannedDispatch;
use atrous_shaders::Access;
use wgpu::{WasmNotSend, WasmNotSync};

use crate::disk_cache::DiskCache;
use crate::handle::Handle;
use crate::{GpuError, custom, parallel};

/// A kernel ready to be dispatched.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) raw: wgpu::ComputePipeline,
    /// Layout of its bind group 0.
    pub(crate) bindings: wgpu::BindGroupLayout,
}

/// The pipelines, shader modules and layouts of a device.
#[derive(Default)]
pub(crate) struct Pipelines {
    layouts: Mutex<HashMap<LayoutKey, Layout>>,
    modules: Mutex<HashMap<ShaderKey, wgpu::ShaderModule>>,
    pipelines: Mutex<HashMap<PipelineKey, Pipeline>>,
    /// Time spent compiling.
    spent: Mutex<Duration>,
    /// Compiled kernels of earlier programs.
    disk: Option<DiskCache>,
    /// Whether kernels are compiled with bounds checks, bounded loops and zeroed workgroup memory.
    checks: bool,
    /// The adapter's limit of workgroup memory, in bytes.
    workgroup_memory: u32,
    /// Called with the number of kernels that are about to be compiled.
    watcher: Mutex<Option<Watcher>>,
}

/// Is called with the number of kernels that are about to be compiled.
pub(crate) type Watcher = Arc<dyn Fn(usize) + Send + Sync>;

/// For each binding of a kernel, whether it is declared as written.
type LayoutKey = Vec<bool>;
/// Kernel, variant, layout of the bindings, and the text of a custom operation's kernel.
type ShaderKey = (&'static str, &'static str, LayoutKey, Option<String>);
/// The shader, and the overrides with the bits of their values.
type PipelineKey = (ShaderKey, Vec<(&'static str, u64)>);

#[derive(Clone)]
struct Layout {
    bindings: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn layout_key(dispatch: &PlannedDispatch) -> LayoutKey {
    dispatch.access.iter().map(|access| *access == Access::ReadWrite).collect()
}

fn shader_key(dispatch: &PlannedDispatch) -> ShaderKey {
    let text = dispatch.is_custom().then(|| dispatch.shader.source.to_string());
    (dispatch.shader.name, dispatch.shader.variant, layout_key(dispatch), text)
}

fn pipeline_key(dispatch: &PlannedDispatch) -> PipelineKey {
    let bits = dispatch.overrides.iter().map(|(name, value)| (*name, value.to_bits()));
    (shader_key(dispatch), bits.collect())
}

impl Pipelines {
    /// No pipelines yet. With `checks` they are compiled with bounds checks, bounded loops and zeroed workgroup memory;
    /// `workgroup_memory` is the adapter's limit in bytes.
    pub(crate) fn new(disk: Option<DiskCache>, checks: bool, workgroup_memory: u32) -> Self {
        Self { disk, checks, workgroup_memory, ..Self::default() }
    }

    /// Number of pipelines made so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.pipelines).len()
    }

    /// Time that [`Self::get`] has spent compiling; zero in browsers.
    pub(crate) fn spent(&self) -> Duration {
        *lock(&self.spent)
    }

    /// Sets the function that is called before kernels are compiled.
    pub(crate) fn watch(&self, watcher: Watcher) {
        *lock(&self.watcher) = Some(watcher);
    }

    /// The function that is called before kernels are compiled.
    pub(crate) fn watcher(&self) -> Option<Watcher> {
        lock(&self.watcher).clone()
    }

    /// Tells the log and the watcher that `kernels` kernels are about to be compiled.
    fn announce(&self, kernels: usize) {
        tracing::info!(kernels, "compiling kernels");
        if let Some(watcher) = self.watcher() {
            watcher(kernels);
        }
    }

    /// The pipelines of these dispatches, in their order. Missing ones are compiled, on all cores.
    ///
    /// # Errors
    /// [`GpuError::Validation`] naming the kernel, [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub(crate) fn get(&self, handle: &Handle, dispatches: &[&PlannedDispatch]) -> Result<Vec<Pipeline>, GpuError> {
        let before = self.len();
        let kernels = missing(&self.pipelines, dispatches, pipeline_key).len();
        if kernels > 0 {
            self.announce(kernels);
        }
        // There is no clock in a browser.
        let start = (!cfg!(target_arch = "wasm32")).then(Instant::now);
        complete(&self.layouts, dispatches, layout_key, |d| layout(handle, &d.access))?;
        complete(&self.modules, dispatches, shader_key, |d| module(handle, d, self.checks))?;
        complete(&self.pipelines, dispatches, pipeline_key, |d| self.compile(handle, d))?;
        let spent = start.map_or(Duration::ZERO, |start| start.elapsed());
        *lock(&self.spent) += spent;
        if let Some(disk) = self.disk.as_ref().filter(|_| self.len() > before) {
            disk.compiled(spent);
        }
        let made = lock(&self.pipelines);
        Ok(dispatches.iter().map(|d| made[&pipeline_key(d)].clone()).collect())
    }

    fn compile(&self, handle: &Handle, dispatch: &PlannedDispatch) -> Result<Pipeline, GpuError> {
        let shader = &dispatch.shader;
        let layout = lock(&self.layouts)[&layout_key(dispatch)].clone();
        let module = lock(&self.modules)[&shader_key(dispatch)].clone();
        let what = format!("pipeline {} [{}] {:?}", shader.name, shader.variant, dispatch.overrides);
        if dispatch.is_custom() {
            custom::check(dispatch, self.workgroup_memory)?;
        }
        let raw = handle.scope(&what, || {
            handle.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(shader.name),
                layout: Some(&layout.pipeline),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &dispatch.overrides,
                    zero_initialize_workgroup_memory: self.checks,
                },
                cache: self.disk.as_ref().map(DiskCache::raw),
            })
        });
        let raw = raw.map_err(|error| blame(dispatch, error))?;
        Ok(Pipeline { raw, bindings: layout.bindings })
    }
}

/// Adds to `made` the values of all keys of `dispatches` that it lacks, made in parallel. In browsers wgpu's objects belong to one
/// thread, and there `parallel::map` uses only one.
fn complete<K: Eq + Hash + Send, V: WasmNotSend>(
    made: &Mutex<HashMap<K, V>>,
    dispatches: &[&PlannedDispatch],
    key: impl Fn(&PlannedDispatch) -> K + Sync,
    make: impl Fn(&PlannedDispatch) -> Result<V, GpuError> + WasmNotSync,
) -> Result<(), GpuError> {
    for result in parallel::map(&missing(made, dispatches, &key), |d| make(d).map(|value| (key(d), value))) {
        let (key, value) = result?;
        lock(made).insert(key, value);
    }
    Ok(())
}

/// The first dispatch of each key that is not in `made`.
fn missing<'d, K: Eq + Hash, V>(
    made: &Mutex<HashMap<K, V>>,
    dispatches: &[&'d PlannedDispatch],
    key: impl Fn(&PlannedDispatch) -> K,
) -> Vec<&'d PlannedDispatch> {
    let made = lock(made);
    let mut seen = HashSet::new();
    let new = |d: &&&PlannedDispatch| !made.contains_key(&key(d)) && seen.insert(key(d));
    dispatches.iter().filter(new).copied().collect()
}

fn layout(handle: &Handle, access: &[Access]) -> Result<Layout, GpuError> {
    let entry = |(binding, access): (usize, &Access)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: *access == Access::Read },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = access.iter().enumerate().map(entry).collect();
    handle.scope("a binding layout", || {
        let bindings =
            handle.raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline = handle.raw.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        Layout { bindings, pipeline }
    })
}

fn module(handle: &Handle, dispatch: &PlannedDispatch, checks: bool) -> Result<wgpu::ShaderModule, GpuError> {
    let shader = &dispatch.shader;
    let checks = match checks {
        true => wgpu::ShaderRuntimeChecks::checked(),
        false => wgpu::ShaderRuntimeChecks::unchecked(),
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(shader.name),
        source: wgpu::ShaderSource::Wgsl(shader.declared(&dispatch.access)),
    };
    let what = format!("kernel {} [{}]", shader.name, shader.variant);
    if dispatch.is_custom() {
        let made = handle.scope(&what, || handle.raw.create_shader_module(descriptor));
        return made.map_err(|error| blame(dispatch, error));
    }
    handle.scope(&what, || {
        // SAFETY: the kernels are those of `atrous-shaders`. Plans bind and dispatch them such that every index is in bounds,
        // every loop ends and no divisor is zero; the same is tested with all checks on.
        unsafe { handle.raw.create_shader_module_trusted(descriptor, checks) }
    })
}

/// Turns a refusal of a custom operation's kernel into [`GpuError::CustomKernel`], since its author has to mend it.
fn blame(dispatch: &PlannedDispatch, error: GpuError) -> GpuError {
    match error {
        GpuError::Validation { reason, .. } if dispatch.is_custom() => {
            GpuError::CustomKernel { op: dispatch.shader.name, reason }
        }
        other => other,
    }
}
