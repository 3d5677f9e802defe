//! Training: the first step's gradients and running statistics, and the losses of a few steps.

use std::sync::Arc;

use atrous_gpu::{Data, Parameters};
use atrous_graph::optim::Training as Update;
use atrous_graph::{Graph, NodeId};
use atrous_nn::{Model, ParameterSpec};

use super::super::{CaseError, compare::number, folder::stored};
use super::training::{Training, prepare};
use super::{bounds::Bounds, entry::Train, images::Photographs, network::Network, steps};
use crate::fill::FillSource;

/// Number of stored values per tensor: its L2 norm and the samples.
const COLUMNS: usize = 9;

/// Bytes of gradients that one run returns at most.
const BYTES_PER_RUN: u64 = 512 << 20;

/// Runs a network's training as the files describe it and compares it with the stored values.
pub(super) fn check(network: &Network<'_>, photographs: &Photographs) -> Result<(), CaseError> {
    let train = network.entry.training()?;
    let training = prepare(network, &train, photographs)?;
    let bounds = Bounds::new(&train, &training, network.executor.precision());
    first_step(network, &train, &training, &bounds)?;
    steps::check(network, &train, &training, &bounds)
}

/// Compares loss, gradients and running statistics of the first step.
fn first_step(network: &Network<'_>, train: &Train, training: &Training, bounds: &Bounds) -> Result<(), CaseError> {
    let model = &training.model;
    let source = FillSource::new(model, &network.entry.fill_prefix, network.entry.wvar);
    let parameters = network.executor.upload(&model.graph, &source)?;
    let mut problems = Vec::new();
    let (tensors, detail) = (&network.stored, &network.detail);

    let rows = stored(tensors, &train.grads.tensor)?;
    let wanted = rows_of(model, &detail.grads, &rows.shape, |spec| {
        training.gradients.iter().find(|(p, _)| *p == spec.node).map(|(_, gradient)| *gradient)
    })?;
    let mut norms = Vec::new();
    // Without assignments the running statistics keep their values, so repeated steps give the same results.
    let update = steps::update(network, train, training)?.assignments([]);
    evaluate(network, training, &update, &parameters, &wanted, |i, spec, mut values, scale| {
        values.iter_mut().for_each(|v| *v /= scale);
        let values = &values;
        let row = &rows.values[i * COLUMNS..][..COLUMNS];
        match gradient(spec, values, row, train, bounds) {
            Ok(error) => norms.extend(error),
            Err(why) => problems.push(format!("gradient of {}: {why}", spec.name)),
        }
    })?;
    norms.sort_by(f64::total_cmp);
    let median = norms.get(norms.len() / 2).copied().unwrap_or(0.0);
    if median > bounds.median {
        let allowed = bounds.median;
        problems.push(format!("the gradients' norms are off by {median:.2e} in the median, allowed {allowed:.2e}"));
    }
    if let Some(bn) = &train.bn {
        let rows = stored(tensors, &bn.tensor)?;
        let wanted = rows_of(model, &detail.bn, &rows.shape, |spec| {
            model.running.iter().find(|r| r.parameter == spec.node).map(|r| r.value)
        })?;
        evaluate(network, training, &update, &parameters, &wanted, |i, spec, values, _| {
            if let Err(why) = running(&values, &rows.values[i * COLUMNS..][..COLUMNS], bounds) {
                problems.push(format!("{}: {why}", spec.name));
            }
        })?;
    }
    match problems.len() {
        0 => Ok(()),
        n => Err(CaseError::Failed(format!("{n} problems: {}", problems[..n.min(3)].join("; ")))),
    }
}

type Wanted<'a> = (usize, &'a ParameterSpec, NodeId);

/// For each stored row its index, its parameter and the node that is compared with it, given by `node`. Rows of the model's unused
/// parameters are left out; `shape` is that of the stored rows.
fn rows_of<'a>(
    model: &'a Model,
    names: &[String],
    shape: &[usize],
    node: impl Fn(&ParameterSpec) -> Option<NodeId>,
) -> Result<Vec<Wanted<'a>>, CaseError> {
    if shape != [names.len(), COLUMNS] {
        return Err(CaseError::Failed(format!("{} rows of {COLUMNS} columns, stored {shape:?}", names.len())));
    }
    let mut wanted = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(spec) = model.parameter(name) {
            let node = node(spec).ok_or_else(|| CaseError::Failed(format!("nothing is computed for {name}")))?;
            wanted.push((i, spec, node));
        } else if !model.unused.iter().any(|u| u.name == *name) {
            return Err(CaseError::Failed(format!("the network has no parameter {name}")));
        }
    }
    Ok(wanted)
}

/// Runs the step and calls `look` with each of the `wanted` tensors, in the framework's order of elements, and the loss scale.
fn evaluate(
    network: &Network<'_>,
    training: &Training,
    update: &Update,
    parameters: &Arc<Parameters>,
    wanted: &[Wanted<'_>],
    mut look: impl FnMut(usize, &ParameterSpec, Vec<f32>, f32),
) -> Result<(), CaseError> {
    let graph = &training.model.graph;
    let inputs = training.inputs();
    let limit = BYTES_PER_RUN.min(network.executor.max_buffer() / 2);
    let mut rest = wanted;
    while !rest.is_empty() {
        let mut bytes = 0;
        let count = rest
            .iter()
            .take_while(|(_, _, node)| {
                bytes += graph.node(*node).ty.bytes();
                bytes <= limit
            })
            .count()
            .max(1);
        let (group, later) = rest.split_at(count);
        let mut nodes: Vec<NodeId> = group.iter().map(|(_, _, node)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let (outputs, scale) = network.executor.first_step(graph, parameters.clone(), update, &inputs, &nodes)?;
        for (i, spec, node) in group {
            let at = nodes.binary_search(node).expect("it was asked for");
            let Data::F32(values) = &outputs[at] else {
                return Err(CaseError::Failed(format!("{} is not f32", spec.name)));
            };
            look(*i, spec, in_stored_order(spec, graph, values), scale);
        }
        rest = later;
    }
    Ok(())
}

/// A parameter's values in the framework's order.
fn in_stored_order(spec: &ParameterSpec, graph: &Graph, values: &[f32]) -> Vec<f32> {
    let shape = graph.shape(spec.node);
    let mut stored = vec![0.0; values.len()];
    for a in 0..shape.n {
        for b in 0..shape.h {
            for i in 0..shape.w {
                for o in 0..shape.c {
                    stored[spec.stored.stored_index(shape, a, b, i, o)] = values[shape.index(a, b, i, o)];
                }
            }
        }
    }
    stored
}

/// The relative deviation of a gradient's norm; nothing where the gradient is zero up to rounding.
fn gradient(
    spec: &ParameterSpec,
    values: &[f32],
    row: &[f32],
    train: &Train,
    bounds: &Bounds,
) -> Result<Option<f64>, String> {
    let (got, want) = (norm(values), f64::from(row[0]));
    if train.grads.dead.contains(&spec.name) {
        return match got <= bounds.dead {
            true => Ok(None),
            false => Err(format!("its norm is {got:.3e}, zero up to {:.1e} was expected", bounds.dead)),
        };
    }
    number("its norm", got, want, bounds.norm * want).map_err(|e| e.to_string())?;
    let allowed = bounds.samples * want / (values.len() as f64).sqrt();
    samples(values, &row[1..], allowed)?;
    Ok(Some((got - want).abs() / want))
}

fn running(values: &[f32], row: &[f32], bounds: &Bounds) -> Result<(), String> {
    let (got, want) = (norm(values), f64::from(row[0]));
    number("its norm", got, want, bounds.running * want).map_err(|e| e.to_string())?;
    let rms = want / (values.len() as f64).sqrt();
    let largest = row[1..].iter().fold(rms, |m, v| m.max(f64::from(v.abs())));
    samples(values, &row[1..], bounds.running_samples * largest)
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

/// Sample `j` of `n` elements is element `floor(j * (n-1) / 7)`.
fn samples(values: &[f32], want: &[f32], allowed: f64) -> Result<(), String> {
    for (j, want) in want.iter().enumerate() {
        let at = j * (values.len() - 1) / (COLUMNS - 2);
        number(&format!("element {at}"), f64::from(values[at]), f64::from(*want), allowed)
            .map_err(|e| e.to_string())?;
    }
    Ok(())
}
