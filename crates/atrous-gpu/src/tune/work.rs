//! Which operations of a plan are worth a search, and the searches.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use atrous_kernels::plan::Step;
use atrous_kernels::{Choices, Found, NodePlan, Operation, Plan, Target};

use super::search::search;
use super::trial::{Trial, Wait};
use super::{TuneReport, TunedShape};
use crate::{Device, GpuError, Tuning};

/// The share of a plan's predicted time whose operations are looked at.
const COVERED: f64 = 0.9;

/// Operations of one step that an adapter does while it moves a byte, about: by this, steps are ranked before anything has
/// been measured.
const fn balance(software: bool) -> f64 {
    if software { 6.0 } else { 20.0 }
}

impl Device {
    /// Searches for the fastest kernels for a plan's convolutions and their gradients, by measuring. The operations that carry nine
    /// tenths of its predicted time are looked at, most expensive first, until `budget` is spent, compilation included. A run that
    /// has begun is waited for. Where a search was cut short, the next one goes on.
    ///
    /// Each candidate must first give the result of the reference kernel; one that does not is excluded and named. Plans made
    /// afterwards for [`Self::target`] follow what was found, and so do later programs, as it is kept in a file of readable text
    /// beside the compiled kernels ([`DeviceOptions::pipeline_cache`](crate::DeviceOptions::pipeline_cache)). Sums are then
    /// rounded in another order, so results may change within their tolerance. Sessions that exist keep their plans.
    ///
    /// On a device opened with [`timestamps`](crate::DeviceOptions::timestamps) its clock is used where it has one, else the
    /// host's. There is none in browsers, and no such function.
    ///
    /// # Errors
    /// [`GpuError::TuningOff`]; [`GpuError::Validation`] if a kernel does not compile, [`GpuError::OutOfMemory`],
    /// [`GpuError::DeviceLost`]. What was found before is kept.
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

/// Steps that compute the same.
struct Work<'a> {
    step: &'a Step,
    uses: usize,
    share: f64,
}

/// The operations that carry the covered share of a plan's predicted time, most expensive first.
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
    // A stable sort: operations of one cost stay in the order of the plan.
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
    // A budget beyond what the clock can tell is as good as a year.
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

/// Searches for one operation; none if there is nothing to choose.
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
    // Those that were tried before are held against the rest by the best of them.
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
    device.options().memory_budget.is_none_or(|budget| Trial::bytes(operation, &plans) <= budget)
}
