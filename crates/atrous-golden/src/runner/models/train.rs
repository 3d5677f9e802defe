//! Training: the first step's gradients and running statistics, and the losses of a few steps.

use std::sync::Arc;

use atrous_gpu::{Data, InputData, Parameters};
use atrous_graph::autodiff::{Recompute, backward_scaled};
use atrous_graph::optim::{LossScale, LossScaling, Training as Update};
use atrous_graph::{Graph, NodeId, Op};
use atrous_nn::{Mode, Model, ParameterSpec};
use atrous_train::loss::{self, CrossEntropyLoss};

use super::super::{CaseError, compare::number, folder::stored};
use super::{Network, bounds::Bounds, build_in, entry::Train, images::Photographs, steps};
use crate::fill::FillSource;

/// Numbers stored of a tensor: its L2 norm and the samples.
const COLUMNS: usize = 9;

/// Bytes of gradients that one run returns at most.
const BYTES_PER_RUN: u64 = 512 << 20;

/// A network with its loss and the gradients of all trained parameters.
pub(super) struct Training {
    pub(super) model: Model,
    pub(super) loss: NodeId,
    /// Parameters and the nodes that make their gradients.
    pub(super) gradients: Vec<(NodeId, NodeId)>,
    /// What they are multiplied with, in f16.
    pub(super) loss_scale: Option<LossScale>,
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<u32>,
}

/// Runs a network's training as the files describe it and compares what they hold.
pub(super) fn check(network: &Network<'_>, photographs: &Photographs) -> Result<(), CaseError> {
    let train = network.entry.training()?;
    let training = prepare(network, &train, photographs)?;
    let bounds = Bounds::new(&train, &training, network.executor.precision());
    first_step(network, &train, &training, &bounds)?;
    steps::check(network, &train, &training, &bounds)
}

fn prepare(network: &Network<'_>, train: &Train, photographs: &Photographs) -> Result<Training, CaseError> {
    let entry = network.entry;
    let input = &train.inputs.x;
    let shape = input.shape().ok_or_else(|| CaseError::Unsupported("an input that is no image".to_owned()))?;
    let mut model = build_in(entry, shape, Mode::Training)?;
    if train.dropout != "off" {
        return Err(CaseError::Unsupported(format!("dropout \"{}\"", train.dropout)));
    }
    without_dropout(&mut model.graph)?;
    let labels = train.inputs.target.labels()?;
    let loss = add_loss(&mut model, entry.note.as_deref(), labels.len())?;
    let trained: Vec<NodeId> = model.parameters.iter().filter(|p| p.trainable).map(|p| p.node).collect();
    let (graph, recompute) = (&mut model.graph, Recompute::default());
    let loss_scale = LossScale::add_for(graph, network.executor.precision(), LossScaling::default())?;
    let gradients = backward_scaled(graph, loss, loss_scale, &trained, &recompute)?;
    let gradients = trained.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?))).collect();
    Ok(Training { model, loss, gradients, loss_scale, images: photographs.input(input)?, labels })
}

fn without_dropout(graph: &mut Graph) -> Result<(), CaseError> {
    let dropouts: Vec<(NodeId, Op, NodeId)> = graph
        .iter()
        .filter(|(_, node)| matches!(node.op, Op::Dropout(_)))
        .map(|(id, node)| (id, node.op, node.inputs[0]))
        .collect();
    for (id, op, x) in dropouts {
        graph.replace(id, op, &[x])?;
    }
    Ok(())
}

/// Cross-entropy of the main result, and of others as the entry's note says: `training loss = CE(out) + 0.5*CE(aux)`.
fn add_loss(model: &mut Model, note: Option<&str>, labels: usize) -> Result<NodeId, CaseError> {
    let shape = model.output_shape();
    let classified = atrous_graph::Shape { c: 1, ..shape };
    if classified.len() != labels {
        return Err(CaseError::Failed(format!("{labels} labels for a result of {shape}")));
    }
    let target = model.graph.input("target", classified, atrous_graph::DType::U32)?;
    let mut losses = Vec::new();
    for (output, weight) in terms(note)? {
        let unknown = || CaseError::Unsupported(format!("the network has no output \"{output}\""));
        let node = model.outputs.iter().find(|o| o.name == output).ok_or_else(unknown)?.node;
        // Of pixels 255 does not count; among the classes of whole pictures it is one like the others.
        let ignore = (shape.h * shape.w > 1).then_some(255);
        let how = CrossEntropyLoss { ignore, ..CrossEntropyLoss::default() };
        losses.push((loss::cross_entropy(&mut model.graph, &format!("loss.{output}"), node, target, &how)?, weight));
    }
    match losses[..] {
        [(loss, 1.0)] => Ok(loss),
        _ => Ok(loss::weighted_sum(&mut model.graph, "loss", &losses)?),
    }
}

/// The outputs whose cross-entropies are summed, with their weights.
fn terms(note: Option<&str>) -> Result<Vec<(String, f32)>, CaseError> {
    let Some((_, text)) = note.and_then(|note| note.split_once("training loss = ")) else {
        return Ok(vec![("out".to_owned(), 1.0)]);
    };
    let text = text.split(';').next().unwrap_or(text);
    let unknown = || CaseError::Unsupported(format!("the training loss \"{text}\""));
    let term = |term: &str| {
        let (weight, entropy) = term.split_once('*').unwrap_or(("1", term));
        let output = entropy.trim().strip_prefix("CE(")?.strip_suffix(')')?;
        Some((output.to_owned(), weight.trim().parse().ok()?))
    };
    text.split(" + ").map(|t| term(t).ok_or_else(unknown)).collect()
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
    // Running statistics stay as they are.
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

/// The parameters of the rows with the nodes that are compared with them. Parameters without a node must be those that the
/// files say are unused or have no gradient to speak of; they are left out.
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

/// Runs the step and hands every wanted tensor over, in the framework's order of elements, with the loss scale.
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

impl Training {
    /// What each step is given.
    pub(super) fn inputs(&self) -> [(&str, InputData<'_>); 2] {
        let name = &self.model.graph.node(self.model.input).name;
        [(name, InputData::F32(&self.images)), ("target", InputData::U32(&self.labels))]
    }
}

/// A parameter's values as the framework orders them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_tells_what_is_summed() {
        let one = |name: &str, weight| (name.to_owned(), weight);
        assert_eq!(terms(None).unwrap(), [one("out", 1.0)]);
        assert_eq!(terms(Some("labels are of the output size")).unwrap(), [one("out", 1.0)]);
        let note = "training loss = CE(out) + 0.5*CE(aux); output stride 8";
        assert_eq!(terms(Some(note)).unwrap(), [one("out", 1.0), one("aux", 0.5)]);
        assert!(terms(Some("training loss = Dice(out)")).is_err());
    }
}
