//! A graph with values, and the comparison of its gradients with central differences.

use std::collections::HashMap;

use atrous_cpu::{Tensor, run};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};

/// A graph under construction. Values of inputs and parameters are multiples of 2^-10, which f32 represents exactly.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) graph: Graph,
    pub(crate) values: HashMap<String, Tensor>,
    state: u64,
}

/// Step of the differences, for which values stay exact in f32.
const STEP: f64 = 1.0 / 16384.0;

impl Case {
    fn random(&mut self) -> f64 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.state >> 40) % 2048) as f64 / 1024.0 - 1.0
    }

    pub(crate) fn input(&mut self, name: &str, shape: Shape) -> NodeId {
        let values = (0..shape.len()).map(|_| self.random()).collect();
        self.values.insert(name.to_owned(), Tensor::new(shape, values));
        self.graph.input(name, shape, DType::F32).expect("a shape without zeros")
    }

    pub(crate) fn labels(&mut self, name: &str, shape: Shape, labels: &[u32]) -> NodeId {
        let values = (0..shape.len()).map(|i| f64::from(labels[i % labels.len()])).collect();
        self.values.insert(name.to_owned(), Tensor::new(shape, values));
        self.graph.input(name, shape, DType::U32).expect("a shape without zeros")
    }

    /// A parameter with random values around `centre`.
    pub(crate) fn parameter(&mut self, name: &str, shape: Shape, layout: Layout, centre: f64) -> NodeId {
        let values = (0..shape.len()).map(|_| centre + self.random() / 2.0).collect();
        self.values.insert(name.to_owned(), Tensor::new(shape, values));
        self.graph.parameter(name, shape, layout).expect("a fresh name")
    }

    pub(crate) fn filter(&mut self, name: &str, kh: usize, kw: usize, cin: usize, cout: usize) -> NodeId {
        self.parameter(name, Shape::new(kh, kw, cin, cout), Layout::Filter, 0.0)
    }

    pub(crate) fn vector(&mut self, name: &str, channels: usize, centre: f64) -> NodeId {
        self.parameter(name, Shape::channels(channels), Layout::Image, centre)
    }

    pub(crate) fn add(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.graph.add(op.name(), op, inputs).unwrap_or_else(|e| panic!("{e}"))
    }

    /// `y * u` with random `u`: a loss in which every element of `y` counts differently.
    pub(crate) fn weighed(&mut self, y: NodeId) -> NodeId {
        let u = self.input(&format!("u{}", y.0), self.graph.shape(y));
        self.add(Op::Binary(atrous_graph::op::Binary::Mul), &[y, u])
    }

    fn loss(&self, values: &HashMap<String, Tensor>, losses: &[(NodeId, f32)]) -> f64 {
        let nodes: Vec<NodeId> = losses.iter().map(|(node, _)| *node).collect();
        let tensors = run(&self.graph, values, &nodes).expect("values for all inputs");
        tensors.iter().zip(losses).map(|(t, (_, weight))| f64::from(*weight) * t.data.iter().sum::<f64>()).sum()
    }

    /// Compares the gradients of these losses with respect to `names` with central differences, at up to 40 elements of
    /// each, for every kind of recomputation.
    pub(crate) fn check(mut self, losses: &[(NodeId, f32)], names: &[&str]) {
        let wrt: Vec<NodeId> = names.iter().map(|name| self.graph.find(name).expect("a node of that name")).collect();
        let mut all: Vec<Vec<Tensor>> = Vec::new();
        let forward = self.graph.clone();
        for recompute in [Recompute::Nothing, Recompute::Cheap, Recompute::Segments(1), Recompute::Segments(4)] {
            let mut graph = forward.clone();
            let gradients = backward(&mut graph, losses, &wrt, &recompute).unwrap_or_else(|e| panic!("{e}"));
            let gradients: Vec<NodeId> = gradients.into_iter().map(|g| g.expect("a gradient")).collect();
            all.push(run(&graph, &self.values, &gradients).expect("values for all inputs"));
        }
        for other in &all[1..] {
            assert_eq!(*other, all[0], "recomputing changes nothing");
        }
        self.graph = forward;
        for (name, gradient) in names.iter().zip(&all[0]) {
            let (scale, len) = (gradient.data.iter().fold(1e-3f64, |m, v| m.max(v.abs())), gradient.data.len());
            for i in (0..len).step_by(len.div_ceil(40)) {
                let at = |step: f64| {
                    let mut values = self.values.clone();
                    values.get_mut(*name).expect("it has a value").data[i] += step;
                    self.loss(&values, losses)
                };
                let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let off = (difference - gradient.data[i]).abs();
                let got = gradient.data[i];
                assert!(
                    off <= 1e-5 * scale + 1e-6 * got.abs(),
                    "d/d {name}[{i}] is {got}, by differences {difference}"
                );
            }
        }
    }
}
