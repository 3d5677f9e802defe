//! Updates: every optimizer, with what belongs to a step beside it, against the f64 reference.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{OptimizerStep, Tensor, Tolerance, Updated, compare, optimizer_magnitude, optimizer_step};
use atrous_gpu::{Device, GpuError, InputData, Parameters, StepOptions, TrainingSession};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::{DType, Graph, GraphError, Layout, Shape, TensorType};
use atrous_kernels::Choice;

use super::run::Run;
use crate::check::CheckError;
use crate::check::values::random;

/// More than one workgroup, and no multiple of one.
const SHAPE: Shape = Shape::channels(4099);
const LR: f64 = 0.01;

/// One for each kernel and each of its branches that keeps more state.
pub(super) fn optimizers() -> Vec<Optimizer> {
    let rmsprop = Optimizer::rmsprop();
    let centered = match rmsprop {
        Optimizer::RmsProp { alpha, eps, convention, .. } => {
            Optimizer::RmsProp { alpha, eps, momentum: 0.9, centered: true, convention }
        }
        other => other,
    };
    let adams = [Optimizer::adam(), Optimizer::adamw(), Optimizer::nadam()];
    [Optimizer::sgd(0.0), Optimizer::sgd(0.9), rmsprop, centered, Optimizer::adagrad()]
        .into_iter()
        .chain(adams)
        .collect()
}

/// A step whose gradient is given, whose running statistic is given, and which sums up the gradient.
pub(super) fn step(optimizer: Optimizer) -> Result<(Graph, Training), GraphError> {
    let mut graph = Graph::new();
    let loss = graph.input("loss", Shape::channels(1), DType::F32)?;
    let parameter = graph.parameter("parameter", SHAPE, Layout::Image)?;
    let gradient = graph.input("gradient", SHAPE, DType::F32)?;
    let running = graph.parameter("running", SHAPE, Layout::Image)?;
    let statistic = graph.input("statistic", SHAPE, DType::F32)?;
    let training = Training::new(loss, [(parameter, gradient)], optimizer).accumulate(true);
    Ok((graph, training.assignments([(running, statistic)]).totals(vec![gradient])))
}

/// Runs an update of two batches by every optimizer.
pub(super) fn examine(device: &Device) -> Result<Vec<Run>, GpuError> {
    let run = |optimizer: Optimizer| {
        let error = match judged(device, optimizer) {
            Err(CheckError::Gpu(error @ GpuError::DeviceLost(_))) => return Err(error),
            judged => judged.err(),
        };
        let operation = format!("an update of {SHAPE} by {optimizer:?}");
        Ok(Run { operation, choice: Choice { variant: optimizer.name(), tile: None }, error })
    };
    optimizers().into_iter().map(run).collect()
}

fn judged(device: &Device, optimizer: Optimizer) -> Result<(), CheckError> {
    let (graph, training) = step(optimizer)?;
    let [first, gradient, statistic] =
        [&random(&[TensorType::image(SHAPE); 3])[..]].concat().try_into().expect("three lists");
    let values = HashMap::from([("parameter".to_owned(), first.clone()), ("running".to_owned(), statistic.clone())]);
    let parameters = Arc::new(Parameters::upload(device, &graph, &values)?);
    let mut session = TrainingSession::new(device, &graph, &[], &training, parameters.clone())?;
    // Another statistic than the first one.
    let statistic: Vec<f32> = statistic.iter().map(|v| 0.5 - v).collect();
    let data = |values| InputData::F32(values);
    let inputs = [("loss", data(&[0.5][..])), ("gradient", data(&gradient)), ("statistic", data(&statistic))];
    let options = StepOptions { scale: 0.5, ..StepOptions::new(LR, 1) };
    session.step_blocking(&inputs, StepOptions { update: false, ..options })?;
    session.step_blocking(&inputs, options)?;
    let result = session.finish_blocking()?;
    let (after, state, totals) =
        (parameters.download_blocking()?, session.download_state_blocking()?, session.totals_blocking()?);

    let judge = |node: &str, got: &[f32], want: &Tensor, magnitude: &Tensor| {
        let failed = |error| CheckError::Result {
            op: optimizer.name(),
            node: node.to_owned(),
            storage: DType::F32,
            source: Box::new(error),
        };
        compare(got, want, magnitude, Tolerance::F32).map_err(failed)
    };
    let tensor = |values: &[f32]| Tensor::from_f32(SHAPE, values);
    let from = Updated::new(&optimizer, tensor(&first));
    let step = OptimizerStep { lr: LR, weight_decay: 0.0, number: 1, maximize: false };
    // The mean of two equal gradients.
    let gradient = tensor(&gradient);
    let (want, magnitude) =
        (optimizer_step(&optimizer, step, &from, &gradient), optimizer_magnitude(&optimizer, step, &from, &gradient));
    judge("parameter", &after["parameter"], &want.parameter, &magnitude.parameter)?;
    for (kind, (want, magnitude)) in optimizer.state().iter().zip(want.state.iter().zip(&magnitude.state)) {
        judge(kind, &state[&format!("{kind}/parameter")], want, magnitude)?;
    }
    let exact = Tensor::new(SHAPE, vec![0.0; SHAPE.len()]);
    judge("running", &after["running"], &tensor(&statistic), &exact)?;
    judge("totals", totals.f32("gradient")?, &gradient.map(|v| 2.0 * v), &exact)?;
    let norm = gradient.data.iter().map(|v| v * v).sum::<f64>().sqrt();
    let one = |value| Tensor::new(Shape::channels(1), vec![value]);
    let got = result.map_or(f32::NAN, |result| result.gradient_norm);
    judge("gradient norm", &[got], &one(norm), &one(norm))
}
