//! Training with bindings that hold neither a filter nor an activation as a whole, beside the same training with those of the device.

use std::collections::BTreeSet;
use std::sync::Arc;

use atrous::train::loss::{CrossEntropyLoss, cross_entropy, weighted_sum};
use atrous_gpu::{Device, GpuError, InputData, Parameters, StepOptions, StepResult, TrainingSession};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{
    AdaptiveAvgPool, BatchNorm, Conv2d, Conv2dGradInput, Coordinates, Fused, Padding, Resize, RunningStat, Slice, Unary,
};
use atrous_graph::optim::{Convention, Optimizer, ParameterGroup, Training};
use atrous_graph::passes::{PassOptions, Precision};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape};
use atrous_kernels::{CompileOptions, Compiled, Limits, Purpose, Target, compile};
use atrous_tests::device;

use crate::network::{Values, close, uniform};
use crate::whole::squared_error;

const BATCH: usize = 24;
/// A binding: less than one activation, and less than most filters.
const BINDING: u64 = 11_520;

/// A graph in the making, with the parameters that are trained.
struct Net {
    graph: Graph,
    trained: Vec<NodeId>,
}

impl Net {
    fn parameter(&mut self, name: &str, shape: Shape, layout: Layout) -> Result<NodeId, GraphError> {
        let made = self.graph.parameter(name, shape, layout)?;
        self.trained.push(made);
        Ok(made)
    }

    /// A convolution of `kernel×kernel` taps with a bias.
    fn conv(&mut self, name: &str, x: NodeId, kernel: usize, cout: usize, conv: Conv2d) -> Result<NodeId, GraphError> {
        let shape = Shape::new(kernel, kernel, self.graph.shape(x).c / conv.groups, cout);
        let filter = self.parameter(&format!("{name}.weight"), shape, Layout::Filter)?;
        let bias = self.parameter(&format!("{name}.bias"), Shape::channels(cout), Layout::Image)?;
        self.graph.add(name, Op::Conv2d(conv), &[x, filter, bias])
    }

    fn relu(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        self.graph.add("relu", Op::Unary(Unary::Relu), &[x])
    }
}

fn padded(groups: usize, stride: usize) -> Conv2d {
    Conv2d { groups, stride: [stride; 2], padding: Padding::symmetric(1, 1), ..Conv2d::default() }
}

/// A small segmentation network with a dense layer beside it: batch statistics, groups, a filter that is used twice, a resize, a
/// concatenation, a transposed convolution, two losses.
fn network(optimizer: Optimizer) -> Result<(Graph, Training), GraphError> {
    let mut net = Net { graph: Graph::new(), trained: Vec::new() };
    let x = net.graph.input("x", Shape::new(BATCH, 8, 8, 10), DType::F32)?;
    // Its bias would have no gradient but rounding, before batch statistics.
    let stem = net.parameter("stem.weight", Shape::new(3, 3, 10, 40), Layout::Filter)?;
    let y = net.graph.add("stem", Op::Conv2d(padded(1, 1)), &[x, stem])?;
    let statistics = net.graph.add("statistics", Op::Fused(Fused::BatchStatistics), &[y])?;
    let [scale, shift] = ["scale", "shift"].map(|name| net.parameter(name, Shape::channels(40), Layout::Image));
    let norm = BatchNorm { eps: 1e-5, scale: true, shift: true, batch: true };
    let [mean, variance] = [0, 1].map(|sample| {
        let row = Slice { start: [sample, 0, 0, 0], size: Shape::channels(40) };
        net.graph.add("moment", Op::Slice(row), &[statistics])
    });
    let y = net.graph.add("bn", Op::BatchNorm(norm), &[y, mean?, variance?, scale?, shift?])?;
    let running = net.graph.parameter("running", Shape::channels(40), Layout::Image)?;
    let stat = RunningStat { keep: 0.9, take: 0.1, sample: 1 };
    let next = net.graph.add("next", Op::RunningStat(stat), &[running, statistics])?;
    let early = net.relu(y)?;
    let y = net.conv("grouped", early, 3, 36, padded(4, 2))?;
    let shared = net.parameter("shared.weight", Shape::new(3, 3, 36, 36), Layout::Filter)?;
    let y = net.graph.add("first", Op::Conv2d(padded(1, 1)), &[y, shared])?;
    let y = net.relu(y)?;
    let y = net.graph.add("second", Op::Conv2d(padded(1, 1)), &[y, shared])?;
    let pooled = net.graph.add("pool", Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 2, w: 2 }), &[y])?;
    let dense = net.conv("dense", pooled, 2, 27, Conv2d::default())?;
    let up = net.graph.add("up", Op::Resize(Resize::bilinear(8, 8, Coordinates::HalfPixel)), &[y])?;
    let y = net.graph.add("concat", Op::Concat, &[up, early])?;
    let spread = Conv2dGradInput::transposed_same([1, 1], [8, 8], [2, 2]);
    let filter = net.parameter("spread.weight", Shape::new(2, 2, 24, 76), Layout::Filter)?;
    let y = net.graph.add("spread", Op::Conv2dGradInput(spread), &[y, filter])?;
    let y = net.relu(y)?;
    let logits = net.conv("logits", y, 1, 7, Conv2d::default())?;
    let labels = net.graph.input("labels", Shape::new(BATCH, 8, 8, 1), DType::U32)?;
    let wanted = net.graph.input("wanted", net.graph.shape(dense), DType::F32)?;
    let ce = cross_entropy(&mut net.graph, "ce", logits, labels, &CrossEntropyLoss::default())?;
    let square = squared_error(&mut net.graph, dense, wanted)?;
    let loss = weighted_sum(&mut net.graph, "sum", &[(ce, 1.0), (square, 0.1)])?;
    let Net { mut graph, trained } = net;
    let gradients = backward(&mut graph, &[(loss, 1.0)], &trained, &Recompute::default())?;
    let gradients = trained.into_iter().zip(gradients).map(|(p, g)| (p, g.expect("the loss depends on it")));
    let mut training = Training::new(loss, gradients, optimizer).weight_decay(0.01).clip_norm(0.5);
    // Two filters with a rate and a decay of their own.
    let own = [graph.find("dense.weight")?, graph.find("spread.weight")?];
    training.groups[0].parameters.retain(|parameter| !own.contains(parameter));
    training.groups.push(ParameterGroup { parameters: own.to_vec(), lr: 0.25, weight_decay: 0.1 });
    Ok((graph, training.assignments([(running, next)]).totals(vec![loss])))
}

/// A training for some limits.
struct Run {
    parameters: Arc<Parameters>,
    session: TrainingSession,
}

impl Run {
    fn new(device: &Device, (graph, training): &(Graph, Training), limits: Limits, values: &Values) -> Self {
        Self::stored(device, (graph, training), limits, values, Precision::F32)
    }

    fn stored(
        device: &Device,
        (graph, training): (&Graph, &Training),
        limits: Limits,
        values: &Values,
        precision: Precision,
    ) -> Self {
        let parameters = Parameters::upload_for(device, graph, values, &limits).expect("all values are there");
        let parameters = Arc::new(parameters);
        let target = Target { limits, ..device.target() };
        let options = CompileOptions { passes: PassOptions::Fuse, precision };
        let purpose = Purpose::Training { training, outputs: &[] };
        let Compiled { graph, plan, .. } = compile(graph, &purpose, options, &target).expect("a plan");
        let session = TrainingSession::from_plan(device, &graph, plan, parameters.clone()).expect("a session");
        assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
        Self { parameters, session }
    }

    fn step(&mut self, number: u64) -> StepResult {
        let x = uniform(&format!("x {number}"), BATCH * 8 * 8 * 10, 1.0);
        let wanted = uniform("wanted", BATCH * 27, 1.0);
        let labels: Vec<u32> =
            (0..BATCH * 64).map(|i| (i as u32 * 5 + 1) % 8).map(|l| if l == 7 { 255 } else { l }).collect();
        let given: [(&str, InputData<'_>); 3] =
            [("x", (&x).into()), ("wanted", (&wanted).into()), ("labels", InputData::U32(&labels))];
        self.session.step_blocking(&given, StepOptions::new(0.05, number)).expect("a step");
        self.session.finish_blocking().expect("a result").expect("of the step")
    }

    fn values(&self) -> Values {
        self.parameters.download_blocking().expect("the parameters")
    }

    fn state(&self) -> Values {
        self.session.download_state_blocking().expect("the state")
    }
}

fn given(graph: &Graph) -> Values {
    let fill = |(_, node): (NodeId, &atrous_graph::Node)| {
        let scale = if node.name.ends_with("weight") { 0.2 } else { 0.5 };
        (node.name.clone(), uniform(&node.name, node.ty.shape.len(), scale))
    };
    graph.parameters().map(fill).collect()
}

fn tight(device: &Device) -> Limits {
    Limits { max_binding: BINDING, ..device.target().limits }
}

fn all_close(what: &str, got: &Values, want: &Values) {
    let names = |values: &Values| values.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(got), names(want), "{what}");
    for (name, got) in got {
        close(&format!("{what} {name}"), got, &want[name].iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    }
}

fn rules() -> [Optimizer; 6] {
    let convention = Convention::Keras;
    // With a large eps, so that rounding decides of no sign.
    let torch = Convention::Torch;
    let adam = |decoupled| Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.99,
        eps: 0.01,
        decoupled,
        amsgrad: decoupled,
        convention: torch,
    };
    [
        Optimizer::sgd(0.0),
        Optimizer::Sgd { momentum: 0.9, dampening: 0.0, nesterov: true, convention },
        Optimizer::RmsProp { alpha: 0.9, eps: 0.01, momentum: 0.5, centered: true, convention },
        adam(false),
        adam(true),
        Optimizer::Adagrad { lr_decay: 0.1, initial_accumulator: 0.1, eps: 0.01, convention: torch },
    ]
}

#[test]
fn training_in_pieces_is_training() {
    let device = device();
    for rule in rules() {
        let net = network(rule).expect("a legal graph");
        let values = given(&net.0);
        let [mut whole, mut pieces] =
            [device.target().limits, tight(&device)].map(|limits| Run::new(&device, &net, limits, &values));
        for number in 1..=3 {
            let [want, got] = [&mut whole, &mut pieces].map(|run| run.step(number));
            assert!(got.applied && want.gradient_norm > 0.5, "{rule:?}: clipped");
            close("loss", &[got.loss], &[f64::from(want.loss)]);
            close("gradient norm", &[got.gradient_norm], &[f64::from(want.gradient_norm)]);
        }
        all_close(&format!("{rule:?}"), &pieces.values(), &whole.values());
        all_close(&format!("{rule:?}"), &pieces.state(), &whole.state());
        let [want, got] = [&mut whole, &mut pieces].map(|run| run.session.totals_blocking().expect("totals"));
        close("total", got[0].f32().expect("f32"), &[f64::from(want[0].f32().expect("f32")[0])]);
    }
}

#[test]
fn every_filter_and_activation_is_beyond_the_binding() {
    let device = device();
    let net = network(Optimizer::adam()).expect("a legal graph");
    let run = Run::new(&device, &net, tight(&device), &given(&net.0));
    let plan = run.session.plan();
    for (name, pieces) in [("stem", 2), ("grouped", 2), ("shared", 5), ("dense", 2), ("spread", 3)] {
        assert_eq!(plan.parameters.places[&format!("{name}.weight")].len(), pieces, "{name}");
    }
    let beyond = plan.tensors.iter().flatten().filter(|tensor| tensor.place.bytes > BINDING).count();
    assert!(beyond > 20, "{beyond} activations beyond one binding");
    let updated = plan.training.as_ref().map_or(0, |training| training.parameters.len());
    assert_eq!(updated, net.1.gradients.len());
}

#[test]
fn parameters_and_state_are_written_and_read_as_a_whole() {
    let device = device();
    let net = network(Optimizer::adam()).expect("a legal graph");
    let values = given(&net.0);
    let mut run = Run::new(&device, &net, tight(&device), &values);
    assert_eq!(run.values(), values);
    run.step(1);
    let (after, state) = (run.values(), run.state());
    let wanted: usize = net.1.gradients.iter().map(|(p, _)| net.0.shape(*p).len()).sum();
    assert_eq!(state.values().map(Vec::len).sum::<usize>(), 2 * wanted);
    let want = run.step(2);
    // By parameters of one name each, and by an upload.
    let mut again = Run::new(&device, &net, tight(&device), &values);
    for (name, values) in &after {
        again.parameters.write(name, values).expect("a parameter");
    }
    let mut anew = Run::new(&device, &net, tight(&device), &after);
    for resumed in [&mut again, &mut anew] {
        assert_eq!(resumed.values(), after);
        resumed.session.upload_state(&state).expect("the state");
        assert_eq!(resumed.state(), state);
        assert_eq!(resumed.step(2).loss.to_bits(), want.loss.to_bits());
        assert_eq!(resumed.values(), run.values());
        assert_eq!(resumed.state(), run.state());
    }
    // And where filters lie as they are.
    let mut whole = Run::new(&device, &net, device.target().limits, &after);
    whole.session.upload_state(&state).expect("the state");
    close("loss", &[whole.step(2).loss], &[f64::from(want.loss)]);
    let short = run.parameters.write("stem.weight", &[0.0; 3]);
    assert!(matches!(short, Err(GpuError::TensorLength { .. })), "{short:?}");
}

#[test]
fn parameters_placed_for_other_limits_are_refused() {
    let device = device();
    let net = network(Optimizer::sgd(0.0)).expect("a legal graph");
    let run = Run::new(&device, &net, tight(&device), &given(&net.0));
    let refused = TrainingSession::new(&device, &net.0, &[], &net.1, run.parameters);
    let text = refused.expect_err("filters lie in pieces").to_string();
    assert!(text.contains("stem.weight"), "{text}");
}

#[test]
fn in_f16_parameters_in_pieces_stay_f32() {
    let device = device();
    if !device.target().f16 {
        return;
    }
    let (graph, training) = network(Optimizer::sgd(0.9)).expect("a legal graph");
    let values = given(&graph);
    let both = [device.target().limits, tight(&device)];
    let [mut whole, mut pieces] =
        both.map(|limits| Run::stored(&device, (&graph, &training), limits, &values, Precision::F16));
    for number in 1..=3 {
        let [want, got] = [&mut whole, &mut pieces].map(|run| run.step(number).loss);
        assert!((want - got).abs() <= 0.002 * want, "step {number}: {got} and {want}");
    }
    assert_eq!(pieces.values().len(), values.len());
}
