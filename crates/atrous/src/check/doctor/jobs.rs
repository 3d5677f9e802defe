//! What is run: each case of the table by the kernels that plans may choose for it.

use std::collections::BTreeSet;

use atrous_graph::passes::Precision;
use atrous_graph::{DType, Op, TensorType};
use atrous_kernels::{Choice, Operation, Target, variants};

use super::table::{self, Case};

/// An operation, and the kernel that computes it.
pub(super) struct Job {
    pub(super) operation: Operation,
    pub(super) choice: Choice,
}

/// Every case by every variant that may serve for it. The tiles of a variant differ in sizes only: besides the one that it would have, each is run
/// for one case. What takes longest to compile comes first.
pub(super) fn jobs(target: &Target, precision: Precision) -> Vec<Job> {
    let (mut seen, mut jobs) = (BTreeSet::new(), Vec::new());
    for (op, inputs) in table::cases().into_iter().flat_map(|case| stored(case, precision)) {
        let output = op.infer(&inputs).expect("the table's cases are legal");
        let operation = Operation { op, inputs, output };
        let half = operation.inputs.iter().any(|ty| ty.dtype == DType::F16);
        let mut variants = BTreeSet::new();
        for choice in served_by(&operation, &Target { avoided: None, ..target.clone() }) {
            let (variant, tile) = (variants.insert(choice.variant), seen.insert((choice, half)));
            if variant || tile {
                jobs.push(Job { operation: operation.clone(), choice });
            }
        }
    }
    jobs.reverse();
    jobs
}

/// The target for which a plan makes this choice.
pub(super) fn target_for(op: &Op, choice: Choice, target: &Target) -> Target {
    let target = Target { avoided: None, ..target.clone() };
    // Operations with one kernel have no choice of variants.
    if variants(op).is_empty() { target } else { target.with(choice) }
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

#[cfg(test)]
mod tests {
    use atrous_kernels::Limits;
    use atrous_kernels::plan::plan_training;

    use super::super::{pictures, updates};
    use super::*;

    /// The targets of software adapters, with subgroups and without, and of others.
    fn targets() -> impl Iterator<Item = Target> {
        let kinds = [(true, None), (true, Some(8)), (false, None)];
        kinds.into_iter().map(|(software, subgroup)| Target {
            f16: true,
            subgroup,
            ..Target::new(Limits::WEBGPU, software)
        })
    }

    /// The kernels that plans of the cases dispatch.
    #[test]
    fn every_kernel_is_reached_but_those_of_matrices() {
        let mut reached: BTreeSet<&str> = pictures::shaders().collect();
        for target in targets() {
            for Job { operation, choice } in jobs(&target, Precision::F32) {
                let plan = operation.plan(&target_for(&operation.op, choice, &target)).expect("a plan");
                reached.extend(plan.dispatches.iter().map(|dispatch| dispatch.shader.name));
            }
        }
        for optimizer in updates::optimizers() {
            let (graph, training) = updates::step(optimizer).expect("a step");
            let plan = plan_training(&graph, &[], &training, &Target::new(Limits::WEBGPU, true)).expect("a plan");
            let updates = plan.updates(true).flat_map(|update| &update.dispatches);
            reached.extend(updates.map(|dispatch| dispatch.shader.name));
        }
        // No plan chooses im2col unless a program names it.
        let elsewhere = ["conv/cooperative", "conv/im2col"];
        let all = atrous_shaders::SHADERS.iter().map(|shader| shader.name);
        let never: BTreeSet<_> = all
            .filter(|kernel| !elsewhere.iter().any(|start| kernel.starts_with(start)) && !reached.contains(kernel))
            .collect();
        assert!(never.is_empty(), "{never:?}");
    }

    #[test]
    fn every_choice_of_a_plan_is_run() {
        for target in targets() {
            for precision in [Precision::F32, Precision::F16] {
                let jobs = jobs(&target, precision);
                let run: BTreeSet<Choice> = jobs.iter().map(|job| job.choice).collect();
                let served = jobs.iter().flat_map(|job| served_by(&job.operation, &target));
                assert_eq!(run, served.collect());
                let default = |job: &Job| job.operation.plan(&target).expect("a plan").choice();
                let is_default = |job: &Job| job.choice == default(job);
                let operations: BTreeSet<String> = jobs.iter().map(|job| job.operation.key()).collect();
                let by_default: BTreeSet<String> =
                    jobs.iter().filter(|job| is_default(job)).map(|job| job.operation.key()).collect();
                assert_eq!(by_default, operations, "every case is run as plans have it");
            }
        }
    }
}
