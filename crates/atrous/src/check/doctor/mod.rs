//! Examines the kernels of a device: every variant, in every tile, that may serve on it, against the f64 reference.

mod numbers;
mod report;
mod table;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use atrous_gpu::{AdapterInfo, Device, GpuError};
use atrous_graph::passes::Precision;
use atrous_graph::{DType, TensorType};
use atrous_kernels::{Choice, Operation, Target, is_replaceable, variants};

use super::CheckError;
use super::kernel::Trial;
use super::values;
use table::Case;

pub use numbers::Numbers;

/// What an examination has found.
#[derive(Debug)]
pub struct Diagnosis {
    /// The adapter and its driver.
    pub adapter: AdapterInfo,
    /// What it does with NaN, infinities and subnormal numbers.
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
/// [opened](atrous_gpu::DeviceOptions::precision) for it. `watch` is called before each operation with its number and how many there are.
///
/// # Errors
/// [`GpuError::DeviceLost`]. Kernels whose results are wrong, or that the driver does not compile, are
/// [faults](Diagnosis::faults).
#[cfg(not(target_arch = "wasm32"))]
pub fn examine_blocking(device: &Device, mut watch: impl FnMut(usize, usize)) -> Result<Diagnosis, GpuError> {
    let begun = Instant::now();
    let cases: Vec<Case> =
        table::cases().into_iter().flat_map(|case| stored(case, device.options().precision)).collect();
    let mut found = Diagnosis {
        adapter: device.info().clone(),
        numbers: Numbers::of(device)?,
        runs: 0,
        variants: Vec::new(),
        faults: Vec::new(),
        took: begun.elapsed(),
    };
    for (i, case) in cases.iter().enumerate() {
        watch(i, cases.len());
        examine(device, case, &mut found)?;
    }
    found.variants.sort_unstable();
    found.variants.dedup();
    found.took = begun.elapsed();
    Ok(found)
}

/// The case, and the same in f16 if the device is for that and there are kernels.
fn stored((op, inputs): Case, precision: Precision) -> Vec<Case> {
    let half = |(i, ty): (usize, &TensorType)| match ty.dtype {
        DType::F32 if op.stores(i) => TensorType { dtype: DType::F16, ..*ty },
        _ => *ty,
    };
    let halves: Vec<_> = inputs.iter().enumerate().map(half).collect();
    let both = precision == Precision::F16 && halves != inputs;
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
fn examine(device: &Device, (op, inputs): &Case, found: &mut Diagnosis) -> Result<(), GpuError> {
    let Ok(output) = op.infer(inputs) else { return Ok(()) };
    let operation = Operation { op: *op, inputs: inputs.clone(), output };
    let target = Target { avoided: None, ..device.target() };
    let values: Vec<Vec<f32>> = (0..inputs.len()).map(|i| values::suited(op, inputs, i)).collect();
    for choice in served_by(&operation, &target) {
        // Operations with one kernel have no choice of variants.
        let target = if variants(op).is_empty() { target.clone() } else { target.with(choice) };
        found.runs += 1;
        found.variants.push(choice.variant);
        let judged = Trial::of(device, op, inputs, &values, &target).and_then(|mut trial| {
            let outputs = trial.session.run_blocking(&trial.data.inputs())?;
            trial.judge(&outputs)
        });
        match judged {
            Ok(()) => {}
            Err(CheckError::Gpu(error @ GpuError::DeviceLost(_))) => return Err(error),
            Err(error) => found.faults.push(Fault { operation: operation.key(), choice, error }),
        }
    }
    Ok(())
}

impl Fault {
    /// The variant, if the family has another one for what it serves.
    fn replaceable(&self) -> Option<&'static str> {
        Some(self.choice.variant).filter(|name| is_replaceable(name))
    }
}
