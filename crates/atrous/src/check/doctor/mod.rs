//! Examines the kernels of a device: every variant, in every tile, that may serve on it, against the f64 reference.

mod jobs;
mod numbers;
mod pictures;
mod report;
mod run;
mod table;
mod updates;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use atrous_gpu::{AdapterChoice, AdapterInfo, Device, GpuError};
use atrous_kernels::{Choice, Operation, is_replaceable};

use super::CheckError;
use super::kernel::Trial;
use super::values;
use jobs::{Job, jobs, target_for};
use run::Run;

pub use numbers::Numbers;

/// Most threads that examine: on software adapters each has a device, whose driver has threads of its own.
const MOST_THREADS: usize = 8;

/// What an examination has found.
#[derive(Debug)]
pub struct Diagnosis {
    /// The adapter and its driver.
    pub adapter: AdapterInfo,
    /// What it does with NaN, infinities, subnormal numbers and rounding.
    pub numbers: Numbers,
    /// The kernels that were run, each once for every shape and element type.
    pub runs: usize,
    /// Names of the variants that may serve on this device, and were run.
    pub variants: Vec<&'static str>,
    /// The runs with wrong results.
    pub faults: Vec<Fault>,
    /// How long the examination took.
    pub took: Duration,
}

/// A kernel whose result is wrong.
#[derive(Debug)]
pub struct Fault {
    /// The operation with attributes and shapes.
    pub operation: String,
    /// The kernel or its variant, and its tile.
    pub choice: Choice,
    /// What is wrong.
    pub error: CheckError,
}

impl Diagnosis {
    /// The variants with wrong results that others can stand in for, and what is wrong, for [`Device::avoid`].
    pub fn replaceable(&self) -> BTreeMap<&'static str, String> {
        let named = |fault: &Fault| Some((fault.replaceable()?, fault.error.to_string()));
        self.faults.iter().filter_map(named).collect()
    }
}

/// Runs every kernel variant that plans for this device may use, on small tensors of odd shapes, and each in every tile: in f32, and in f16 on
/// devices [opened](atrous_gpu::DeviceOptions::precision) for it; an update by every optimizer; and what moves pictures and results between
/// textures, buffers and a network. Most of the time is the driver's, which compiles several kernels at once.
///
/// # Errors
/// [`GpuError::DeviceLost`]. Kernels whose results are wrong, or that the driver does not compile, are
/// [faults](Diagnosis::faults).
pub fn examine_blocking(device: &Device) -> Result<Diagnosis, GpuError> {
    let begun = Instant::now();
    let jobs = jobs(&device.target(), device.options().precision);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let next = AtomicUsize::new(0);
    let part = |thread: usize| -> Result<Vec<Run>, GpuError> {
        let device = device_of_thread(device, thread);
        let mut runs = Vec::new();
        if thread == 0 {
            runs.extend(updates::examine(&device)?);
            runs.extend(pictures::examine(&device)?);
        }
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            runs.push(examine(&device, job)?);
        }
        Ok(runs)
    };
    let parts = thread::scope(|scope| {
        let part = &part;
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        workers.into_iter().map(join).collect::<Result<Vec<Vec<Run>>, GpuError>>()
    })?;
    let mut found = Diagnosis {
        adapter: device.info().clone(),
        numbers: Numbers::of(device)?,
        runs: 0,
        variants: Vec::new(),
        faults: Vec::new(),
        took: Duration::ZERO,
    };
    for run in parts.into_iter().flatten() {
        found.runs += 1;
        found.variants.push(run.choice.variant);
        found.faults.extend(run.error.map(|error| Fault { operation: run.operation, choice: run.choice, error }));
    }
    found.took = begun.elapsed();
    found.variants.sort_unstable();
    found.variants.dedup();
    found.faults.sort_by(|a, b| (a.choice, &a.operation).cmp(&(b.choice, &b.operation)));
    Ok(found)
}

/// Another device of a software adapter for every thread but the first: Mesa's llvmpipe compiles a kernel when it first runs, and so one after
/// the other on each device. On other adapters the device itself.
fn device_of_thread(device: &Device, thread: usize) -> Device {
    let index = device.info().index.filter(|_| thread > 0 && device.info().software());
    let another = |index| Device::open_blocking(&AdapterChoice::Index(index), device.options().clone()).ok();
    index.and_then(another).unwrap_or_else(|| device.clone())
}

/// Runs a kernel.
fn examine(device: &Device, Job { operation, choice }: &Job) -> Result<Run, GpuError> {
    let Operation { op, inputs, .. } = operation;
    let target = target_for(op, *choice, &device.target());
    let values: Vec<Vec<f32>> = (0..inputs.len()).map(|i| values::suited(op, inputs, i)).collect();
    let judged = Trial::of(device, op, inputs, &values, &target).and_then(|mut trial| {
        let outputs = trial.session.run_blocking(&trial.data.inputs())?;
        trial.judge(&outputs)
    });
    match judged {
        Err(CheckError::Gpu(error @ GpuError::DeviceLost(_))) => Err(error),
        judged => Ok(Run { operation: operation.key(), choice: *choice, error: judged.err() }),
    }
}

impl Fault {
    /// The variant, if the family has another one for what it serves.
    fn replaceable(&self) -> Option<&'static str> {
        Some(self.choice.variant).filter(|name| is_replaceable(name))
    }
}
