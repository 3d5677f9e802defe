//! Examines the kernels of a device: every variant, in every tile, that may serve on it, against the f64 reference.

mod numbers;
mod report;
mod run;
mod table;
mod updates;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use atrous_gpu::{AdapterInfo, Device, GpuError};
use atrous_graph::passes::Precision;
use atrous_graph::{DType, TensorType};
use atrous_kernels::{Choice, Operation, Target, is_replaceable, variants};

use super::CheckError;
use super::kernel::Trial;
use super::values;
use run::Run;
use table::Case;

pub use numbers::Numbers;

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

/// Runs every kernel variant, in every tile, that plans for this device may use, on small tensors of odd shapes: in f32, and in f16 on devices
/// [opened](atrous_gpu::DeviceOptions::precision) for it; and an update by every optimizer. Most of the time is the driver's, which compiles several kernels at once.
///
/// # Errors
/// [`GpuError::DeviceLost`]. Kernels whose results are wrong, or that the driver does not compile, are
/// [faults](Diagnosis::faults).
pub fn examine_blocking(device: &Device) -> Result<Diagnosis, GpuError> {
    let begun = Instant::now();
    let cases: Vec<Case> =
        table::cases().into_iter().flat_map(|case| stored(case, device.options().precision)).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = |first: usize| -> Result<Vec<Run>, GpuError> {
        let runs = cases.iter().skip(first).step_by(threads).map(|case| examine(device, case));
        Ok(runs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    };
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
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
    for run in parts.into_iter().flatten().chain(updates::examine(device)?) {
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

/// The case, and the same in f16 if the device is for that and there are kernels.
fn stored((op, inputs): Case, precision: Precision) -> Vec<Case> {
    let half = |(i, ty): (usize, &TensorType)| match ty.dtype {
        DType::F32 if op.stores(i) => TensorType { dtype: DType::F16, ..*ty },
        _ => *ty,
    };
    let halves: Vec<_> = inputs.iter().enumerate().map(half).collect();
    // Some operations have no form in f16.
    let both = precision == Precision::F16 && halves != inputs && op.infer(&halves).is_ok();
    [Some((op, inputs)), both.then_some((op, halves))].into_iter().flatten().collect()
}

/// The choices that a plan for this target may make for an operation: the default, those that tuning tries, and the one that serves where
/// all others decline.
fn served_by(operation: &Operation, target: &Target) -> Vec<Choice> {
    let mut choices = operation.candidates(target).unwrap_or_default();
    if choices.is_empty() {
        choices.extend(operation.plan(target).map(|plan| plan.choice()));
    }
    let last = operation.reference();
    if !last.variant.is_empty() && !choices.contains(&last) {
        choices.push(last);
    }
    choices
}

/// Runs a case by every choice that a plan may make.
fn examine(device: &Device, (op, inputs): &Case) -> Result<Vec<Run>, GpuError> {
    let output = op.infer(inputs).expect("the table's cases are legal");
    let operation = Operation { op: *op, inputs: inputs.clone(), output };
    let target = Target { avoided: None, ..device.target() };
    let values: Vec<Vec<f32>> = (0..inputs.len()).map(|i| values::suited(op, inputs, i)).collect();
    let run = |choice: Choice| {
        // Operations with one kernel have no choice of variants.
        let target = if variants(op).is_empty() { target.clone() } else { target.with(choice) };
        let judged = Trial::of(device, op, inputs, &values, &target).and_then(|mut trial| {
            let outputs = trial.session.run_blocking(&trial.data.inputs())?;
            trial.judge(&outputs)
        });
        match judged {
            Err(CheckError::Gpu(error @ GpuError::DeviceLost(_))) => Err(error),
            judged => Ok(Run { operation: operation.key(), choice, error: judged.err() }),
        }
    };
    served_by(&operation, &target).into_iter().map(run).collect()
}

impl Fault {
    /// The variant, if the family has another one for what it serves.
    fn replaceable(&self) -> Option<&'static str> {
        Some(self.choice.variant).filter(|name| is_replaceable(name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use atrous_kernels::Limits;
    use atrous_kernels::plan::plan_training;

    use super::*;

    /// The kernels that plans of these cases dispatch, on software adapters, with subgroups and without, and on others.
    #[test]
    fn every_kernel_is_reached_but_those_of_pictures_textures_and_matrices() {
        let mut reached = BTreeSet::new();
        for (software, subgroup) in [(true, None), (true, Some(8)), (false, None)] {
            let target = Target { f16: true, subgroup, ..Target::new(Limits::WEBGPU, software) };
            for (op, inputs) in table::cases() {
                let output = op.infer(&inputs).expect("a legal case");
                let operation = Operation { op, inputs, output };
                for choice in served_by(&operation, &target) {
                    let target = if variants(&op).is_empty() { target.clone() } else { target.with(choice) };
                    let plan = operation.plan(&target).expect("a plan");
                    reached.extend(plan.dispatches.iter().map(|dispatch| dispatch.shader.name));
                }
            }
        }
        for optimizer in updates::optimizers() {
            let (graph, training) = updates::step(optimizer).expect("a step");
            let plan = plan_training(&graph, &[], &training, &Target::new(Limits::WEBGPU, true)).expect("a plan");
            let updates = plan.updates(true).flat_map(|update| &update.dispatches);
            reached.extend(updates.map(|dispatch| dispatch.shader.name));
        }
        // No plan chooses im2col unless a program names it.
        let elsewhere = ["image/", "interop/", "conv/cooperative", "conv/im2col"];
        let all = atrous_shaders::SHADERS.iter().map(|shader| shader.name);
        let never: BTreeSet<_> = all
            .filter(|kernel| !elsewhere.iter().any(|start| kernel.starts_with(start)) && !reached.contains(kernel))
            .collect();
        assert!(never.is_empty(), "{never:?}");
    }
}
