//! The fastest way to compute one operation.

use std::time::{Duration, Instant};

use atrous_kernels::{Choice, NodePlan, Operation};

use super::Excluded;
use super::trial::{Trial, Wait};
use crate::allocate::Command;
use crate::{Device, GpuError, parallel};

/// Rounds in which those that are left are timed, the fastest of each counts.
const ROUNDS: usize = 6;
/// A candidate that takes this much longer than the best leaves.
const SLOWER: f64 = 1.5;
/// One whose first run takes this much longer than the shortest first run is not timed at all.
const FAR_SLOWER: f64 = 4.0;
/// Another than the default must be this much faster to be chosen: timing is never exact.
const WORTH: f64 = 0.97;
/// What a measurement should take at least; short operations are repeated.
const MEASURABLE: Duration = Duration::from_millis(1);
const MOST_REPEATS: u32 = 64;
/// Relative difference that a function behind an exact sum may make.
const ROUNDING: f32 = 1e-6;

/// What a search found.
pub(super) struct Searched {
    /// The candidates that computed what the reference does, with their times.
    pub(super) contenders: Vec<(Choice, Duration)>,
    pub(super) excluded: Vec<Excluded>,
    /// Candidates tried, counted from the first.
    pub(super) tried: usize,
}

impl Searched {
    /// The choice: the fastest, or the first if that is about as fast.
    pub(super) fn best(&self) -> Option<(Choice, Duration)> {
        let first = *self.contenders.first()?;
        let best = *self.contenders.iter().min_by_key(|(_, time)| *time)?;
        Some(if best.1 < first.1.mul_f64(WORTH) { best } else { first })
    }
}

struct Contender {
    choice: Choice,
    commands: Vec<Command>,
    time: Duration,
}

/// Tries candidates, the default first, until the deadline; none if not even that was reached.
pub(super) async fn search(
    device: &Device,
    operation: &Operation,
    reference: &NodePlan,
    candidates: &[NodePlan],
    deadline: Instant,
    wait: Wait,
) -> Result<Option<Searched>, GpuError> {
    let plans: Vec<&NodePlan> = [reference].into_iter().chain(candidates).collect();
    let trial = Trial::new(device, operation, &plans, wait)?;
    let over = || Instant::now() >= deadline;
    let first = trial.commands(&[reference])?;
    let want = trial.result(&first[0]).await?;

    let (mut contenders, mut excluded) = (Vec::<Contender>::new(), Vec::new());
    let (mut tried, mut repeats) = (0, 1);
    let (mut best, mut shortest) = (Duration::MAX, Duration::MAX);
    'all: for some in candidates.chunks(parallel::threads()) {
        if over() {
            break;
        }
        let compiled = trial.commands(&some.iter().collect::<Vec<_>>())?;
        for (plan, commands) in some.iter().zip(compiled) {
            if over() {
                break 'all;
            }
            tried += 1;
            let choice = plan.choice();
            let start = Instant::now();
            let result = trial.result(&commands).await?;
            let first_run = start.elapsed();
            if let Some(reason) = differs(&result, &want) {
                excluded.push(Excluded { choice, reason });
                continue;
            }
            if first_run.as_secs_f64() > FAR_SLOWER * shortest.as_secs_f64() {
                contenders.push(Contender { choice, commands, time: first_run });
                continue;
            }
            shortest = shortest.min(first_run);
            let mut time = trial.time(&commands, repeats).await?;
            if contenders.is_empty() {
                let more = MEASURABLE.as_nanos() / time.as_nanos().max(1);
                repeats = (more as u32).clamp(1, MOST_REPEATS);
                time = trial.time(&commands, repeats).await?.min(time);
            }
            best = best.min(time);
            contenders.push(Contender { choice, commands, time });
        }
    }
    let mut round = 0;
    while round < ROUNDS && !over() {
        for (i, contender) in contenders.iter_mut().enumerate() {
            // The default stays: the choice is held against it.
            if i == 0 || contender.time.as_secs_f64() <= SLOWER * best.as_secs_f64() {
                let time = trial.time(&contender.commands, repeats).await?;
                contender.time = contender.time.min(time);
                best = best.min(time);
            }
        }
        round += 1;
    }
    let fastest = (0..contenders.len()).min_by_key(|i| contenders[*i].time).unwrap_or(0);
    if fastest > 0 {
        // Of many the fastest had the most luck: it and the first are measured again.
        let mut times = [Duration::MAX; 2];
        for round in 0..ROUNDS {
            for (time, i) in times.iter_mut().zip([0, fastest]) {
                *time = trial.time(&contenders[i].commands, repeats).await?.min(*time);
            }
            if round > 0 && over() {
                break;
            }
        }
        [contenders[0].time, contenders[fastest].time] = times;
    }
    let contenders = contenders.into_iter().map(|c| (c.choice, c.time)).collect();
    Ok((tried > 0).then_some(Searched { contenders, excluded, tried }))
}

/// How a result differs from the reference's, if it does. Padding is compared as well.
fn differs(got: &[f32], want: &[f32]) -> Option<String> {
    let is_right = |got: f32, want: f32| (got - want).abs() <= ROUNDING * want.abs();
    let wrong: Vec<usize> = (0..want.len()).filter(|i| !is_right(got[*i], want[*i])).collect();
    let first = *wrong.first()?;
    let (count, all) = (wrong.len(), want.len());
    Some(format!("{count} of {all} values differ, the first is {} instead of {}", got[first], want[first]))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Conv2d, Padding};
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::AdapterChoice;
    use crate::DeviceOptions;

    fn operation() -> Operation {
        let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
        let inputs = vec![TensorType::image(Shape::new(1, 9, 7, 21)), TensorType::filter(Shape::new(3, 3, 21, 22))];
        Operation { op: Op::Conv2d(conv), output: Op::Conv2d(conv).infer(&inputs).unwrap(), inputs }
    }

    fn found(change: impl Fn(&mut NodePlan), deadline: Duration) -> (Vec<Choice>, Option<Searched>) {
        let device = Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env().unwrap()).unwrap();
        let (operation, target) = (operation(), device.target());
        let candidates = operation.candidates(&target).unwrap();
        let plan = |choice: &Choice| operation.plan(&target.with(*choice)).unwrap();
        let mut plans: Vec<NodePlan> = candidates.iter().map(plan).collect();
        plans.iter_mut().skip(1).take(1).for_each(change);
        let reference = plan(&operation.reference());
        let deadline = Instant::now() + deadline;
        let search = search(&device, &operation, &reference, &plans, deadline, Wait::Blocking);
        (candidates, pollster::block_on(search).unwrap())
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_wrong_kernel_is_excluded_and_named() {
        let broken = |name: &'static str, value: f64| {
            move |plan: &mut NodePlan| {
                let kernel = &mut plan.dispatches[0];
                kernel.overrides.iter_mut().find(|(n, _)| *n == name).expect("an override").1 = value;
            }
        };
        // A tap shifted, a vec4 of channels lost, a row left out.
        for change in [broken("PAD_TOP", 0.0), broken("CG4", 5.0), broken("OH", 8.0)] {
            let (candidates, searched) = found(change, LONG);
            let searched = searched.unwrap();
            assert_eq!(searched.tried, candidates.len());
            let names: Vec<Choice> = searched.excluded.iter().map(|excluded| excluded.choice).collect();
            assert_eq!(names, candidates[1..2], "{:?}", searched.excluded);
            assert!(searched.excluded[0].reason.contains("values differ"), "{}", searched.excluded[0].reason);
            assert!(searched.contenders.iter().all(|(choice, _)| *choice != candidates[1]));
        }
    }

    #[test]
    fn all_candidates_agree_and_one_of_them_is_chosen() {
        let (candidates, searched) = found(|_| {}, LONG);
        let searched = searched.unwrap();
        assert!(searched.excluded.is_empty(), "{:?}", searched.excluded);
        assert_eq!(searched.contenders.iter().map(|(choice, _)| *choice).collect::<Vec<_>>(), candidates);
        assert!(candidates.contains(&searched.best().unwrap().0));
    }

    #[test]
    fn nothing_is_found_after_the_deadline() {
        assert!(found(|_| {}, Duration::ZERO).1.is_none());
    }

    #[test]
    fn values_that_are_not_numbers_differ() {
        assert!(differs(&[1.0, f32::NAN], &[1.0, 2.0]).is_some());
        assert!(differs(&[1.0, 0.0], &[1.0, 0.0]).is_none());
        assert!(differs(&[1.0, 1e-9], &[1.0, 0.0]).is_some());
    }
}
