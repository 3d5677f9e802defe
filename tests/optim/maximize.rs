//! Maximizing a loss is minimizing its negative, to the bit.

use std::collections::BTreeMap;
use std::sync::Arc;

use atrous_gpu::{Device, Parameters, StepOptions, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward_scaled};
use atrous_graph::op::{Conv2d, Padding, Unary};
use atrous_graph::optim::{Convention, LossScale, LossScaling, Optimizer, Training};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};
use atrous_tests::device;

use crate::network::{Values, uniform};
use crate::whole::squared_error;

const IMAGE: Shape = Shape::new(2, 5, 6, 3);

/// What is done with the gradients besides the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Plain,
    /// Both runs of an update are summed.
    Accumulated,
    /// As before, from a loss that is scaled.
    Scaled,
}

/// A convolution that is brought away from an input: its distance is maximized, or the negative of that is minimized.
fn network(optimizer: Optimizer, how: How, maximize: bool) -> Result<(Graph, Training), GraphError> {
    let mut graph = Graph::new();
    let x = graph.input("x", IMAGE, DType::F32)?;
    let other = graph.input("other", Shape { c: 4, ..IMAGE }, DType::F32)?;
    let filter = graph.parameter("filter", Shape::new(3, 3, 3, 4), Layout::Filter)?;
    let bias = graph.parameter("bias", Shape::channels(4), Layout::Image)?;
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let y = graph.add("conv", Op::Conv2d(conv), &[x, filter, bias])?;
    let y = graph.add("tanh", Op::Unary(Unary::Tanh), &[y])?;
    let mut loss = squared_error(&mut graph, y, other)?;
    if !maximize {
        loss = graph.add("negative", Op::Unary(Unary::Affine { scale: -1.0, shift: 0.0 }), &[loss])?;
    }
    let scaling = LossScaling { init: 1024.0, interval: 2 };
    let scale = (how == How::Scaled).then(|| LossScale::add(&mut graph, scaling)).transpose()?;
    let parameters = [filter, bias];
    let gradients = backward_scaled(&mut graph, loss, scale, &parameters, &Recompute::default())?;
    let gradients = parameters.into_iter().zip(gradients).map(|(p, g)| (p, g.expect("the loss depends on it")));
    let training = Training::new(loss, gradients, optimizer)
        .maximize(maximize)
        .weight_decay(0.01)
        .clip_norm(0.2)
        .accumulate(how != How::Plain)
        .loss_scale(scale);
    Ok((graph, training))
}

/// What there is after six runs.
#[derive(Debug, PartialEq)]
struct Trained {
    /// By name, the bits of parameters and state.
    bits: BTreeMap<String, Vec<u32>>,
    /// Before each run.
    distances: Vec<f32>,
}

/// Six runs: as many updates, or half of that where two are summed.
fn trained(device: &Device, optimizer: Optimizer, how: How, maximize: bool) -> Trained {
    let (graph, training) = network(optimizer, how, maximize).expect("a legal graph");
    let values =
        |(_, node): (NodeId, &atrous_graph::Node)| (node.name.clone(), uniform(&node.name, node.ty.shape.len(), 0.8));
    let parameters: Values = graph.parameters().map(values).collect();
    let parameters = Arc::new(Parameters::upload(device, &graph, &parameters).expect("values of all"));
    let mut session = TrainingSession::new(device, &graph, &[], &training, parameters.clone()).expect("a session");
    let other = uniform("other", Shape { c: 4, ..IMAGE }.len(), 0.8);
    let mut distances = Vec::new();
    for run in 0..6 {
        let x = uniform(&format!("x{}", run % 2), IMAGE.len(), 0.8);
        let options = match how {
            How::Plain => StepOptions::new(0.05, run + 1),
            _ => StepOptions { update: run % 2 == 1, scale: 0.5, ..StepOptions::new(0.05, run / 2 + 1) },
        };
        session.step_blocking(&[("x", (&x).into()), ("other", (&other).into())], options).expect("a step");
        let result = session.finish_blocking().expect("a result").expect("of the step");
        assert!(result.applied && result.gradient_norm > 0.2, "it is clipped: {result:?}");
        distances.push(result.loss.abs());
    }
    let state = session.download_state_blocking().expect("the state");
    let all = parameters.download_blocking().expect("the parameters").into_iter().chain(state);
    let bits = all.map(|(name, values)| (name, values.into_iter().map(f32::to_bits).collect())).collect();
    Trained { bits, distances }
}

#[test]
fn maximizing_is_minimizing_the_negative_to_the_bit() {
    let device = device();
    let momentum = Optimizer::Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, convention: Convention::Keras };
    let centered =
        Optimizer::RmsProp { alpha: 0.9, eps: 1e-3, momentum: 0.9, centered: true, convention: Convention::Torch };
    for rule in [
        Optimizer::sgd(0.0),
        momentum,
        centered,
        Optimizer::adam(),
        Optimizer::adamw(),
        Optimizer::nadam(),
        Optimizer::adagrad(),
    ] {
        for how in [How::Plain, How::Accumulated, How::Scaled] {
            let got = trained(&device, rule, how, true);
            assert_eq!(got, trained(&device, rule, how, false), "{rule:?} {how:?}");
            let at = &got.distances;
            assert!(at[4] > at[0] && at[5] > at[1], "{rule:?} {how:?}: {at:?}");
        }
    }
}
