//! Small graphs in the making, and the way they are held against themselves after the passes.

use std::collections::HashMap;

use atrous_cpu::{Tensor, run};
use atrous_golden::fill;
use atrous_graph::op::{BatchNorm, Binary, Conv2d, Padding, Unary};
use atrous_graph::passes::{Optimized, PassOptions, optimize};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, ParameterSource, Shape};

pub(crate) const IMAGE: Shape = Shape::new(1, 6, 5, 4);
pub(crate) const NORM: BatchNorm = BatchNorm { eps: 1e-3, scale: true, shift: true, batch: false };

/// A graph in the making, whose names number themselves.
pub(crate) struct Net {
    pub(crate) graph: Graph,
    pub(crate) x: NodeId,
}

impl Net {
    pub(crate) fn new() -> Self {
        let mut graph = Graph::new();
        let x = graph.input("x", IMAGE, DType::F32).expect("an input");
        Self { graph, x }
    }

    pub(crate) fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.graph.add(name, op, inputs).unwrap_or_else(|e| panic!("{e}"))
    }

    pub(crate) fn vector(&mut self, name: &str, c: usize) -> NodeId {
        self.graph.parameter(name, Shape::channels(c), Layout::Image).expect("a vector")
    }

    /// A 3×3 convolution that keeps the size.
    pub(crate) fn conv(&mut self, name: &str, x: NodeId, cout: usize, groups: usize) -> NodeId {
        let filter = Shape::new(3, 3, self.graph.shape(x).c / groups, cout);
        let filter = self.graph.parameter(&format!("{name}.weight"), filter, Layout::Filter).expect("a filter");
        let conv = Conv2d { padding: Padding::symmetric(1, 1), groups, ..Conv2d::default() };
        self.add(name, Op::Conv2d(conv), &[x, filter])
    }

    pub(crate) fn norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let c = self.graph.shape(x).c;
        let vectors = ["mean", "var", "scale", "shift"].map(|v| self.vector(&format!("{name}.{v}"), c));
        self.add(name, Op::BatchNorm(NORM), &[&[x][..], &vectors].concat())
    }

    pub(crate) fn relu(&mut self, name: &str, x: NodeId) -> NodeId {
        self.add(name, Op::Unary(Unary::Relu), &[x])
    }

    pub(crate) fn sum(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.add(name, Op::Binary(Binary::Add), &[a, b])
    }
}

/// Optimises, and holds all that is kept against the graph before, in f64. Folded parameters are rounded, what is fused is not.
pub(crate) fn checked(net: &Net, kept: &[NodeId], passes: PassOptions) -> Optimized {
    let values = |node: &atrous_graph::Node| {
        let offset = if node.name.ends_with(".var") { 2.0 } else { 0.0 };
        match node.ty.dtype {
            DType::F32 | DType::F16 => fill::uniform(&node.name, node.ty.shape.len(), offset, 1.0),
            DType::U32 => (0..node.ty.shape.len()).map(|i| (i * 7 % 9) as f32).collect(),
        }
    };
    let all: HashMap<String, Vec<f32>> =
        net.graph.inputs().chain(net.graph.parameters()).map(|(_, node)| (node.name.clone(), values(node))).collect();
    let optimized = optimize(&net.graph, kept, passes);
    let source = optimized.source(&all);
    let tensors = |graph: &Graph| -> HashMap<String, Tensor> {
        let read = |node: &atrous_graph::Node| {
            let mut device = vec![0.0; node.ty.padded_len()];
            source.write(&node.name, node.ty, &mut device).expect("a value");
            Tensor::from_f32(node.ty.shape, &node.ty.unpack(&device))
        };
        graph.inputs().chain(graph.parameters()).map(|(_, node)| (node.name.clone(), read(node))).collect()
    };
    let want = run(&net.graph, &tensors(&net.graph), kept).expect("the reference");
    let got = run(&optimized.graph, &tensors(&optimized.graph), &optimized.now(kept)).expect("the reference");
    for ((got, want), id) in got.iter().zip(&want).zip(kept) {
        let largest = want.data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let off = got.data.iter().zip(&want.data).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let rounding = if optimized.derived.is_empty() { 1e-12 } else { 1e-6 };
        assert!(
            off <= rounding * largest,
            "{} is off by {off} of {largest}\n{}",
            net.graph.node(*id).name,
            optimized.graph
        );
        assert_eq!(optimized.graph.node(optimized.now(&[*id])[0]).name, net.graph.node(*id).name);
    }
    optimized
}

pub(crate) fn ops(optimized: &Optimized) -> Vec<&'static str> {
    let sources = |op: &Op| matches!(op, Op::Input | Op::Parameter);
    optimized.graph.nodes().iter().filter(|n| !sources(&n.op)).map(|n| n.op.name()).collect()
}

pub(crate) fn reason(optimized: &Optimized, pass: &str, node: &str) -> Option<&'static str> {
    let found = optimized.report.notes.iter().find(|note| note.pass == pass && note.node == node);
    found.unwrap_or_else(|| panic!("{pass} says nothing of {node}:\n{}", optimized.report)).declined
}
