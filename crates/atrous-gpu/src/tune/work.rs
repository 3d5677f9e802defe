//! The choice of a plan's operations that are tuned, and their searches.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use atrous_kernels::plan::Step;
use atrous_kernels::{Choices, Found, NodePlan, Operation, Plan, Target};

use super::search::search;
use super::trial::{Trial, Wait};
use super::{TuneReport, TunedShape};
use crate::{Device, GpuError, Tuning};

/// The share of a plan's predicted time that the tuned operations have.
const COVERED: f64 = 0.9;

/// Rough number of arithmetic operations that an adapter computes in the time it moves one byte. It weighs arithmetic against memory when
/// steps are ranked before anything has been measured.
const fn balance(software: bool) -> f64 {
    if software { 6.0 } else { 20.0 }
}

impl Device {
    /// Measures which kernels are fastest for a plan's convolutions and their gradients. The operations that have nine tenths of the
    /// plan's predicted time are searched, the most expensive first, until `budget` is spent, compilation included; a measurement that
    /// has begun is completed. A search that was cut short is continued by the next call.
    ///
    /// A candidate whose result differs from the reference kernel's is excluded and named in the report. Plans made afterwards for
    /// [`Self::target`] use the kernels that were found, and so do later programs: the choices are kept in a file of readable text
    /// beside the compiled kernels ([`DeviceOptions::pipeline_cache`](crate::DeviceOptions::pipeline_cache)). Other kernels round sums
    /// in another order, so results may change within their tolerance. Existing sessions keep their plans.
    ///
    /// Times are measured by the device's clock if the device was opened with [`timestamps`](crate::DeviceOptions::timestamps) and has
    /// one, otherwise by the host's clock. In browsers, which have neither, this function does not exist.
    ///
    /// # Errors
    /// [`GpuError::TuningOff`]; [`GpuError::Validation`] if a kernel does not compile, [`GpuError::OutOfMemory`],
    /// [`GpuError::DeviceLost`]. Choices that were found before the error are kept.
    pub async fn tune(&self, plan: &Plan, budget: Duration) -> Result<TuneReport, GpuError> {
        tune(self, plan, budget, Wait::Awaiting).await
    }

    /// [`Self::tune`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::tune`].
    pub fn tune_blocking(&self, plan: &Plan, budget: Duration) -> Result<TuneReport, GpuError> {
        pollster::block_on(tune(self, plan, budget, Wait::Blocking))
    }
}

/// An operation with all steps of a plan that compute it.
struct Work<'a> {
    /// The first of the steps.
    step: &'a Step,
    /// Number of the steps.
    uses: usize,
    /// Their share of the plan's predicted time.
    share: f64,
}

/// The most expensive operations that together have the share [`COVERED`] of a plan's predicted time, in decreasing order of time.
fn most_expensive(plan: &Plan, software: bool) -> Vec<Work<'_>> {
    let cost = |step: &Step| (2.0 * step.macs as f64).max(balance(software) * step.bytes as f64);
    let steps = || plan.steps.iter().filter(|step| !step.dispatches.is_empty());
    let all: f64 = steps().map(cost).sum();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    let mut works: Vec<Work<'_>> = Vec::new();
    for step in steps() {
        let index = *by_key.entry(step.operation.key()).or_insert(works.len());
        if index == works.len() {
            works.push(Work { step, uses: 0, share: 0.0 });
        }
        works[index].uses += 1;
        works[index].share += cost(step) / all;
    }
    // The sort is stable, so operations of equal cost stay in the order of the plan.
    works.sort_by(|a, b| b.share.total_cmp(&a.share));
    let mut covered = 0.0;
    works.retain(|work| {
        let wanted = covered < COVERED;
        covered += work.share;
        wanted
    });
    works
}

async fn tune(device: &Device, plan: &Plan, budget: Duration, wait: Wait) -> Result<TuneReport, GpuError> {
    if device.options().tuning == Tuning::Off {
        return Err(GpuError::TuningOff);
    }
    device.check()?;
    let start = Instant::now();
    let mut found = Choices::default();
    let shapes = shapes(device, plan, start.checked_add(budget), &mut found, wait).await;
    device.tuned().add(found);
    Ok(TuneReport { adapter: device.info().name.clone(), budget, spent: start.elapsed(), shapes: shapes? })
}

async fn shapes(
    device: &Device,
    plan: &Plan,
    deadline: Option<Instant>,
    found: &mut Choices,
    wait: Wait,
) -> Result<Vec<TunedShape>, GpuError> {
    // A budget that the clock cannot represent is replaced by a year.
    let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(365 * 24 * 3600));
    let mut shapes = Vec::new();
    for work in most_expensive(plan, device.info().software()) {
        if let Some((shape, choice)) = shape(device, &work, deadline, wait).await? {
            if let Some(choice) = choice {
                found.insert(shape.operation.key(), choice);
            }
            shapes.push(shape);
        }
    }
    Ok(shapes)
}

/// Searches for one operation; `None` if it has no candidates.
async fn shape(
    device: &Device,
    work: &Work<'_>,
    deadline: Instant,
    wait: Wait,
) -> Result<Option<(TunedShape, Option<Found>)>, GpuError> {
    let operation = &work.step.operation;
    let known = device.tuned().choices().and_then(|choices| choices.get(&operation.key()));
    let target = Target { choices: None, ..device.target() };
    let candidates = operation.candidates(&target)?;
    let Some(default) = candidates.first().copied() else { return Ok(None) };
    let mut shape = TunedShape {
        operation: operation.clone(),
        uses: work.uses,
        share: work.share,
        default,
        chosen: known.map_or(default, |found| found.choice),
        times: None,
        tried: known.map_or(0, |found| found.tried),
        candidates: candidates.len(),
        excluded: Vec::new(),
        skipped: None,
    };
    let skip = |shape: TunedShape, reason| Ok(Some((TunedShape { skipped: Some(reason), ..shape }, None)));
    if shape.tried >= candidates.len() {
        return skip(shape, "known");
    }
    if Instant::now() >= deadline {
        return skip(shape, "the time was over");
    }
    // The default and the best candidate of earlier searches are measured again, to be compared with the remaining candidates.
    let mut again = if known.is_some() { vec![default] } else { Vec::new() };
    again.extend(known.map(|found| found.choice).filter(|choice| *choice != default && candidates.contains(choice)));
    let rest = &candidates[shape.tried..];
    let plan = |choice| operation.plan(&target.with(choice));
    let plans: Vec<NodePlan> = again.iter().chain(rest).map(|choice| plan(*choice)).collect::<Result<_, _>>()?;
    let reference = plan(operation.reference())?;
    if !fits(device, operation, &plans, &reference) {
        return skip(shape, "it takes too much memory");
    }
    let Some(searched) = search(device, operation, &reference, &plans, deadline, wait).await? else {
        return skip(shape, "the time was over");
    };
    shape.tried += searched.tried.saturating_sub(again.len());
    if let Some((chosen, time)) = searched.best() {
        let default_time = searched.contenders.iter().find(|(choice, _)| *choice == default).map(|(_, time)| *time);
        shape.chosen = chosen;
        shape.times = Some([default_time.unwrap_or(time), time]);
    }
    shape.excluded = searched.excluded;
    let found = shape.times.map(|_| Found { choice: shape.chosen, tried: shape.tried });
    Ok(Some((shape, found)))
}

/// Whether a search stays within the device's memory budget.
fn fits(device: &Device, operation: &Operation, plans: &[NodePlan], reference: &NodePlan) -> bool {
    let plans: Vec<&NodePlan> = plans.iter().chain([reference]).collect();
    device.memory_budget().is_none_or(|budget| Trial::bytes(operation, &plans) <= budget)
}
