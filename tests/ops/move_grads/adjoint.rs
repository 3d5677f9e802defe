//! Forward and gradient in one graph: gradients of maxima on inputs that fit together, and the test of adjoints.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare, magnitude, run};
use atrous_gpu::{Device, InputData, Parameters, Session};
use atrous_graph::op::{Gradient, MaxPool, MaxPoolIndices};
use atrous_graph::{DType, Graph, NodeId, Op, Shape};
use atrous_kernels::{Target, plan::plan};

use super::cases::Forward;

/// Inputs `x` and `dy`, the forward result, and the gradient with what it is computed from.
struct Pair {
    graph: Graph,
    y: NodeId,
    dx: NodeId,
    values: [Vec<f32>; 2],
}

/// Reproducible numbers in `[0, 1)`.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| next()).collect()
}

impl Pair {
    /// `x` has few values, so that maxima have ties. Both inputs are of this type.
    fn new(forward: &Forward, dtype: DType) -> Self {
        let mut graph = Graph::new();
        let result = forward.result().shape;
        let x = graph.input("x", forward.x, dtype).expect("an input");
        let dy = graph.input("dy", result, dtype).expect("an input");
        let mut add = |name: &str, op: Op, inputs: &[NodeId]| {
            graph.add(name, op, inputs).unwrap_or_else(|e| panic!("{forward:?}: {e}"))
        };
        let y = add("y", forward.op, &[x]);
        let dx = match forward.op {
            Op::MaxPool(MaxPool { window }) => {
                let index = add("index", Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[x]);
                add("dx", forward.grad_op(), &[dy, index])
            }
            Op::ChannelMaxPool(_) => add("dx", forward.grad_op(), &[x, dy]),
            _ => add("dx", forward.grad_op(), &[dy]),
        };
        let few = |v: f32| (1.0 + (v * 8.0).floor()) / 8.0;
        let values = [noise(forward.x.len(), 1).into_iter().map(few).collect(), noise(result.len(), 2)];
        Self { graph, y, dx, values }
    }

    /// What the device makes of both results.
    fn run(&self, device: &Device, target: &Target, outputs: &[NodeId]) -> Result<Vec<Vec<f32>>, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let plan = plan(&self.graph, outputs, target).map_err(|e| text(&e))?;
        let parameters = Parameters::upload(device, &self.graph, &HashMap::new()).map_err(|e| text(&e))?;
        let mut session = Session::from_plan(device, &self.graph, plan, Arc::new(parameters)).map_err(|e| text(&e))?;
        let names: Vec<String> = session.inputs().map(|(name, _)| name.to_owned()).collect();
        let value = |name: &str| InputData::F32(&self.values[usize::from(name == "dy")]);
        let inputs: Vec<(&str, InputData<'_>)> = names.iter().map(|name| (&**name, value(name))).collect();
        let results = session.run_blocking(&inputs).map_err(|e| text(&e))?;
        let named = |id: &NodeId| results.f32(&self.graph.node(*id).name).map(<[f32]>::to_vec).map_err(|e| text(&e));
        outputs.iter().map(named).collect()
    }

    fn reference(&self, wanted: &[NodeId]) -> Vec<Tensor> {
        let of = |name: &str, values: &[f32]| {
            let shape: Shape = self.graph.shape(self.graph.names().find(|(n, _)| *n == name).expect("an input").1);
            (name.to_owned(), Tensor::from_f32(shape, values))
        };
        let values = HashMap::from([of("x", &self.values[0]), of("dy", &self.values[1])]);
        run(&self.graph, &values, wanted).expect("a graph of known inputs")
    }
}

/// Gradients of maxima against the reference, in both types.
pub(super) fn check_chosen(device: &Device, target: &Target, cases: &[Forward]) {
    let types = [DType::F32, DType::F16].into_iter().filter(|dtype| target.f16 || *dtype == DType::F32);
    for (forward, dtype) in types.flat_map(|dtype| cases.iter().map(move |forward| (forward, dtype))) {
        let pair = Pair::new(forward, dtype);
        let node = pair.graph.node(pair.dx);
        let inputs = pair.reference(&node.inputs);
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let want = &pair.reference(&[pair.dx])[0];
        let allowed = magnitude(&node.op, &inputs, want.shape);
        let got = pair.run(device, target, &[pair.dx]);
        let judged = got.and_then(|g| compare(&g[0], want, &allowed, Tolerance::of(dtype)).map_err(|e| e.to_string()));
        judged.unwrap_or_else(|e| panic!("{forward:?} in {dtype}\nfor {target:?}:\n{e}"));
    }
}

/// `Σ f(x) * dy = Σ x * grad(dy)`. All numbers are positive, so that nothing cancels and both sums are as exact as their terms.
pub(super) fn check_products(device: &Device, cases: impl IntoIterator<Item = Forward>) {
    for forward in cases {
        let pair = Pair::new(&forward, DType::F32);
        let got = pair.run(device, &device.target(), &[pair.y, pair.dx]);
        let got = got.unwrap_or_else(|e| panic!("{forward:?}: {e}"));
        let product =
            |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
        let [x, dy] = &pair.values;
        let (outer, inner) = (product(&got[0], dy), product(x, &got[1]));
        assert!((outer - inner).abs() <= 1e-6 * outer, "{forward:?}: <f(x), dy> = {outer}, <x, grad(dy)> = {inner}");
    }
}
