//! A training step to look at.

use atrous::Result;
use atrous::graph::autodiff::{Recompute, backward_scaled};
use atrous::graph::optim::{LossScale, LossScaling, Optimizer, ParameterGroup, Training};
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
    let gradients: Vec<_> = trained.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?))).collect();
    let parameters = gradients.iter().map(|(p, _)| *p).collect();
    Ok(Training {
        loss,
        groups: vec![ParameterGroup { parameters, lr: 1.0, weight_decay: 1e-4 }],
        gradients,
        assignments: model.running.iter().map(|r| (r.parameter, r.value)).collect(),
        optimizer: Optimizer::sgd(0.9),
        clip_norm: None,
        accumulate: false,
        loss_scale,
        totals: Vec::new(),
    })
}
