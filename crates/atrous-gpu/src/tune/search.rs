//! The fastest way to compute one operation.

use std::time::{Duration, Instant};

use atrous_graph::DType;
use atrous_kernels::{Choice, NodePlan, Operation};

use super::Excluded;
use super::trial::{Trial, Wait};
use crate::command::Command;
use crate::{Device, GpuError, parallel};

/// Rounds in which the contenders are timed; the shortest time of each counts.
const ROUNDS: usize = 6;
/// A contender whose time is this many times the best is not timed again.
const SLOWER: f64 = 1.5;
/// A candidate whose first run takes this many times the shortest first run is not timed at all.
const FAR_SLOWER: f64 = 4.0;
/// A candidate is chosen over the default if its time is below this share of the default's, since times are not exact.
const WORTH: f64 = 0.97;
/// Least time of a measurement; shorter operations are repeated.
const MEASURABLE: Duration = Duration::from_millis(1);
/// Most repetitions of an operation in a measurement.
const MOST_REPEATS: u32 = 64;
/// Relative difference that is allowed: sums are exact, but functions that follow them are not, and in f16 the result may round to
/// the next number.
const fn rounding(stored: DType) -> f32 {
    if matches!(stored, DType::F16) { 1e-3 } else { 1e-6 }
}

/// What a search found.
pub(super) struct Searched {
    /// The candidates that computed what the reference does, with their times.
    pub(super) contenders: Vec<(Choice, Duration)>,
    pub(super) excluded: Vec<Excluded>,
    /// Candidates tried, counted from the first.
    pub(super) tried: usize,
}

impl Searched {
    /// The choice: the fastest, or the first if its time is within [`WORTH`] of the fastest.
    pub(super) fn best(&self) -> Option<(Choice, Duration)> {
        let first = *self.contenders.first()?;
        let best = *self.contenders.iter().min_by_key(|(_, time)| *time)?;
        Some(if best.1 < first.1.mul_f64(WORTH) { best } else { first })
    }
}

/// A candidate that computes the right result.
struct Contender {
    choice: Choice,
    commands: Vec<Command>,
    /// The shortest time measured so far.
    time: Duration,
}

/// Tries candidates, the default first, until the deadline. Returns `None` if the deadline passes before the first.
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
    let first = trial.commands(&[reference])?;
    let want = trial.result(&first[0]).await?;
    let mut search = Search {
        trial,
        want,
        rounding: rounding(operation.output.dtype),
        deadline,
        contenders: Vec::new(),
        excluded: Vec::new(),
        tried: 0,
        repeats: 1,
        best: Duration::MAX,
        shortest: Duration::MAX,
    };
    search.try_all(candidates).await?;
    search.time_again().await?;
    search.confirm().await?;
    let Search { contenders, excluded, tried, .. } = search;
    let contenders = contenders.into_iter().map(|c| (c.choice, c.time)).collect();
    Ok((tried > 0).then_some(Searched { contenders, excluded, tried }))
}

/// A search that is under way.
struct Search {
    trial: Trial,
    /// The reference kernel's result.
    want: Vec<f32>,
    /// Relative difference to `want` that is allowed.
    rounding: f32,
    deadline: Instant,
    contenders: Vec<Contender>,
    excluded: Vec<Excluded>,
    /// Candidates tried, counted from the first.
    tried: usize,
    /// How often commands are repeated in one measurement.
    repeats: u32,
    /// The shortest measured time of all contenders.
    best: Duration,
    /// The shortest first run of all contenders, on the host's clock.
    shortest: Duration,
}

impl Search {
    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Compiles the candidates, as many at once as there are threads, and tries each.
    async fn try_all(&mut self, candidates: &[NodePlan]) -> Result<(), GpuError> {
        for some in candidates.chunks(parallel::threads()) {
            if self.is_over() {
                return Ok(());
            }
            let compiled = self.trial.commands(&some.iter().collect::<Vec<_>>())?;
            for (plan, commands) in some.iter().zip(compiled) {
                if self.is_over() {
                    return Ok(());
                }
                self.try_one(plan.choice(), commands).await?;
            }
        }
        Ok(())
    }

    /// Compares a candidate's result with the reference's and measures its time for the first time.
    async fn try_one(&mut self, choice: Choice, commands: Vec<Command>) -> Result<(), GpuError> {
        self.tried += 1;
        let start = Instant::now();
        let result = self.trial.result(&commands).await?;
        let first_run = start.elapsed();
        if let Some(reason) = differs(&result, &self.want, self.rounding) {
            self.excluded.push(Excluded { choice, reason });
            return Ok(());
        }
        if first_run.as_secs_f64() > FAR_SLOWER * self.shortest.as_secs_f64() {
            self.contenders.push(Contender { choice, commands, time: first_run });
            return Ok(());
        }
        self.shortest = self.shortest.min(first_run);
        let mut time = self.trial.time(&commands, self.repeats).await?;
        if self.contenders.is_empty() {
            let more = MEASURABLE.as_nanos() / time.as_nanos().max(1);
            self.repeats = (more as u32).clamp(1, MOST_REPEATS);
            time = self.trial.time(&commands, self.repeats).await?.min(time);
        }
        self.best = self.best.min(time);
        self.contenders.push(Contender { choice, commands, time });
        Ok(())
    }

    /// Measures the contenders that are about as fast as the best again, in several rounds.
    async fn time_again(&mut self) -> Result<(), GpuError> {
        for _ in 0..ROUNDS {
            if self.is_over() {
                break;
            }
            for (i, contender) in self.contenders.iter_mut().enumerate() {
                // The default is always measured, since the choice is compared with it.
                if i == 0 || contender.time.as_secs_f64() <= SLOWER * self.best.as_secs_f64() {
                    let time = self.trial.time(&contender.commands, self.repeats).await?;
                    contender.time = contender.time.min(time);
                    self.best = self.best.min(time);
                }
            }
        }
        Ok(())
    }

    /// Replaces the times of the first contender and of the fastest by new measurements: the shortest of many noisy times is too
    /// short.
    async fn confirm(&mut self) -> Result<(), GpuError> {
        let fastest = (0..self.contenders.len()).min_by_key(|i| self.contenders[*i].time).unwrap_or(0);
        if fastest == 0 {
            return Ok(());
        }
        let mut times = [Duration::MAX; 2];
        for round in 0..ROUNDS {
            for (time, i) in times.iter_mut().zip([0, fastest]) {
                *time = self.trial.time(&self.contenders[i].commands, self.repeats).await?.min(*time);
            }
            if round > 0 && self.is_over() {
                break;
            }
        }
        [self.contenders[0].time, self.contenders[fastest].time] = times;
        Ok(())
    }
}

/// How a result differs from the reference's; `None` if it does not. Padding is compared as well.
fn differs(got: &[f32], want: &[f32], rounding: f32) -> Option<String> {
    let is_right = |got: f32, want: f32| got == want || (got - want).abs() <= rounding * want.abs();
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

    fn operation(dtype: DType) -> Operation {
        let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
        let inputs = [TensorType::image(Shape::new(1, 9, 7, 21)), TensorType::filter(Shape::new(3, 3, 21, 22))];
        let inputs = inputs.map(|ty| TensorType { dtype, ..ty }).to_vec();
        Operation { op: Op::Conv2d(conv), output: Op::Conv2d(conv).infer(&inputs).unwrap(), inputs }
    }

    fn found(change: impl Fn(&mut NodePlan), deadline: Duration) -> (Vec<Choice>, Option<Searched>) {
        found_in(DType::F32, change, deadline)
    }

    fn found_in(dtype: DType, change: impl Fn(&mut NodePlan), deadline: Duration) -> (Vec<Choice>, Option<Searched>) {
        let device = Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env().unwrap()).unwrap();
        let (operation, target) = (operation(dtype), device.target());
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
        let device = Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env().unwrap()).unwrap();
        let types = if device.target().f16 { &[DType::F32, DType::F16][..] } else { &[DType::F32] };
        for dtype in types {
            let (candidates, searched) = found_in(*dtype, |_| {}, LONG);
            let searched = searched.unwrap();
            assert!(searched.excluded.is_empty(), "{:?}", searched.excluded);
            assert_eq!(searched.contenders.iter().map(|(choice, _)| *choice).collect::<Vec<_>>(), candidates);
            assert!(candidates.contains(&searched.best().unwrap().0));
        }
    }

    #[test]
    fn nothing_is_found_after_the_deadline() {
        assert!(found(|_| {}, Duration::ZERO).1.is_none());
    }

    #[test]
    fn values_that_are_not_numbers_differ() {
        assert!(differs(&[1.0, f32::NAN], &[1.0, 2.0], 1e-6).is_some());
        assert!(differs(&[1.0, 0.0], &[1.0, 0.0], 1e-6).is_none());
        assert!(differs(&[1.0, 1e-9], &[1.0, 0.0], 1e-6).is_some());
    }
}
