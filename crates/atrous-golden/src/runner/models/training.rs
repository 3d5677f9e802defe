//! Networks with their loss and gradients.

use atrous_gpu::InputData;
use atrous_graph::autodiff::{Recompute, backward_scaled};
use atrous_graph::optim::{LossScale, LossScaling};
use atrous_graph::{Graph, NodeId, Op};
use atrous_nn::{Mode, Model};
use atrous_train::loss::{self, CrossEntropyLoss};

use super::super::CaseError;
use super::entry::Train;
use super::images::Photographs;
use super::network::{Network, build_in};

/// A network with its loss and the gradients of all trained parameters.
pub(super) struct Training {
    pub(super) model: Model,
    pub(super) loss: NodeId,
    /// Parameters and the nodes that make their gradients.
    pub(super) gradients: Vec<(NodeId, NodeId)>,
    /// The factor of the loss and its gradients, for tensors in f16.
    pub(super) loss_scale: Option<LossScale>,
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<u32>,
}

impl Training {
    /// The inputs of each step.
    pub(super) fn inputs(&self) -> [(&str, InputData<'_>); 2] {
        let name = &self.model.graph.node(self.model.input).name;
        [(name, InputData::F32(&self.images)), ("target", InputData::U32(&self.labels))]
    }
}

/// Builds the network of a training with its loss and gradients, and the inputs of its steps.
pub(super) fn prepare(network: &Network<'_>, train: &Train, photographs: &Photographs) -> Result<Training, CaseError> {
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

/// Cross-entropy of the main output, or the weighted sum that the entry's note states: `training loss = CE(out) + 0.5*CE(aux)`.
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
        // 255 marks ignored pixels; as the class of a whole picture it is an ordinary class.
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
