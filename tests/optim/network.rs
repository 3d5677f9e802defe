//! A network whose gradients are given: every parameter has an input of its own shape that is its gradient, and the loss is an
//! input, too.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_golden::fill;
use atrous_gpu::{Device, InputData, Parameters, StepOptions, StepResult, TrainingSession};
use atrous_graph::op::Binary;
use atrous_graph::optim::{LossScale, LossScaling, Optimizer, Training};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_kernels::Target;
use atrous_kernels::plan::plan_training;

/// Values by name.
pub(crate) type Values = HashMap<String, Vec<f32>>;

/// How a gradient reaches its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// It is an input, and has to be copied.
    Copied,
    /// A dispatch computes it where it shall lie.
    Placed,
}

/// The graph and its training.
pub(crate) struct Network {
    pub(crate) graph: Graph,
    pub(crate) training: Training,
    pub(crate) parameters: Vec<(String, Shape)>,
}

impl Network {
    /// Parameters of these names and shapes, all in one group with this weight decay. The gradient of `p` is the input `grad p`.
    pub(crate) fn new(parameters: &[(&str, Shape)], optimizer: Optimizer, weight_decay: f64, way: Way) -> Self {
        let mut graph = Graph::new();
        let loss = graph.input("loss", Shape::channels(1), DType::F32).expect("an input");
        let mut gradients = Vec::new();
        for (name, shape) in parameters {
            let parameter = graph.parameter(name, *shape, Layout::Image).expect("a parameter");
            let given = graph.input(&format!("grad {name}"), *shape, DType::F32).expect("an input");
            let gradient = match way {
                Way::Copied => given,
                Way::Placed => {
                    let zero = graph.add("zero", Op::Binary(Binary::Sub), &[given, given]).expect("a node");
                    graph.add("gradient", Op::Binary(Binary::Add), &[zero, given]).expect("a node")
                }
            };
            gradients.push((parameter, gradient));
        }
        let training = Training::new(loss, gradients, optimizer).weight_decay(weight_decay);
        let parameters = parameters.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect();
        Self { graph, training, parameters }
    }

    /// The same with a loss scale, which all gradients are multiplied with.
    pub(crate) fn scaled(mut self, scaling: LossScaling) -> Self {
        let scale = LossScale::add(&mut self.graph, scaling).expect("an input");
        for (_, gradient) in &mut self.training.gradients {
            let scaled = self.graph.add("scaled", Op::Binary(Binary::Mul), &[*gradient, scale.node]);
            *gradient = scaled.expect("a node");
        }
        self.training.loss_scale = Some(scale);
        self
    }

    /// Starting values: different ones for every parameter.
    pub(crate) fn values(&self) -> Values {
        let value = |(name, shape): &(String, Shape)| (name.clone(), uniform(name, shape.len(), 1.0));
        self.parameters.iter().map(value).collect()
    }

    /// Gradients of a step.
    pub(crate) fn gradients(&self, step: u64) -> Values {
        let value =
            |(name, shape): &(String, Shape)| (name.clone(), uniform(&format!("{name} {step}"), shape.len(), 1.0));
        self.parameters.iter().map(value).collect()
    }

    pub(crate) fn upload(&self, device: &Device, values: &Values) -> Arc<Parameters> {
        Arc::new(Parameters::upload(device, &self.graph, values).expect("all values are there"))
    }

    pub(crate) fn session(&self, device: &Device, outputs: &[NodeId], parameters: &Arc<Parameters>) -> TrainingSession {
        TrainingSession::new(device, &self.graph, outputs, &self.training, parameters.clone()).expect("a session")
    }

    /// A session planned for another target.
    pub(crate) fn session_for(
        &self,
        device: &Device,
        target: &Target,
        parameters: &Arc<Parameters>,
    ) -> TrainingSession {
        let plan = plan_training(&self.graph, &[], &self.training, target).expect("a plan");
        TrainingSession::from_plan(device, &self.graph, plan, parameters.clone()).expect("a session")
    }
}

/// Runs one step and waits for its result.
pub(crate) fn step(session: &mut TrainingSession, loss: f32, gradients: &Values, options: StepOptions) -> StepResult {
    assert!(session.step_blocking(&inputs(&[loss], gradients).list(), options).expect("a step").is_none());
    session.finish_blocking().expect("a result").expect("of the step just run")
}

/// The inputs of a step.
pub(crate) fn inputs<'a>(loss: &'a [f32], gradients: &'a Values) -> Inputs<'a> {
    let named = gradients.iter().map(|(name, values)| (format!("grad {name}"), InputData::F32(values)));
    Inputs(named.chain([("loss".to_owned(), InputData::F32(loss))]).collect())
}

/// Inputs that own their names.
pub(crate) struct Inputs<'a>(Vec<(String, InputData<'a>)>);

impl<'a> Inputs<'a> {
    pub(crate) fn list(&self) -> Vec<(&str, InputData<'a>)> {
        self.0.iter().map(|(name, data)| (name.as_str(), *data)).collect()
    }
}

/// Repeatable values in -scale..scale.
pub(crate) fn uniform(name: &str, n: usize, scale: f64) -> Vec<f32> {
    fill::uniform(name, n, 0.0, scale)
}

/// Holds values to a reference: within 1e-5 of its largest magnitude, a few roundings of f32.
#[track_caller]
pub(crate) fn close(what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*got) - want).abs();
        assert!(off <= 1e-5 * largest, "{what}[{i}]: got {got}, want {want}, off by {off:e}");
    }
}
