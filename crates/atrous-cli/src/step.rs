//! The training step that `plan --train` and `profile --train` show.

use atrous::Result;
use atrous::graph::autodiff::{Recompute, backward_scaled};
use atrous::graph::optim::{LossScale, LossScaling, Optimizer, Training};
use atrous::graph::passes::Precision;
use atrous::graph::{DType, NodeId, Shape};
use atrous::nn::Model;
use atrous::train::loss::{CrossEntropyLoss, cross_entropy};

/// Adds cross-entropy and its gradients to a network, for SGD with momentum; scaled where tensors are stored in f16.
pub(crate) fn step(model: &mut Model, precision: Precision) -> Result<Training> {
    let target = model.graph.input("target", Shape { c: 1, ..model.output_shape() }, DType::U32)?;
    let logits = model.output();
    let loss = cross_entropy(&mut model.graph, "loss", logits, target, &CrossEntropyLoss::default())?;
    let trained: Vec<NodeId> = model.parameters.iter().filter(|p| p.trainable).map(|p| p.node).collect();
    let (graph, recompute) = (&mut model.graph, Recompute::default());
    let loss_scale = LossScale::add_for(graph, precision, LossScaling::default())?;
    let gradients = backward_scaled(graph, loss, loss_scale, &trained, &recompute)?;
    let gradients = trained.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    Ok(Training::new(loss, gradients, Optimizer::sgd(0.9))
        .weight_decay(1e-4)
        .assignments(model.running.iter().map(|r| (r.parameter, r.value)))
        .loss_scale(loss_scale))
}
