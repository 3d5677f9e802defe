//! Statistics of a convolution's result that the kernel which stores it has prepared, strip by strip.
//!
//! They are judged against the reference's statistics of what the device itself stored, which leaves no room for the convolution's
//! rounding errors.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare, evaluate, magnitude};
use atrous_gpu::{Device, InputData, Parameters, Session};
use atrous_graph::op::{Conv2d, Fused, Unary};
use atrous_graph::{DType, Graph, Layout, Op, TensorType};
use atrous_kernels::conv::tiles;
use atrous_kernels::plan::{Plan, Step, plan};
use atrous_kernels::{Choice, Limits, Target};
use atrous_tests::{Case, checked, device, is_reachable};

use crate::conv::{BASE, Row, conv};
use crate::fused::fused;

/// The variants that measure what they store.
const MEASURING: [&str; 7] = [
    "stem",
    "gemm_tiled",
    "gemm_registers",
    "gemm_subgroup",
    "implicit_gemm_tiled",
    "implicit_gemm_registers",
    "implicit_gemm_subgroup",
];

/// A convolution and the statistics of its result; both are outputs.
struct Measured {
    graph: Graph,
    values: HashMap<String, Vec<f32>>,
}

impl Measured {
    /// Values near `offset`, so that results are far from zero, measured by how much they differ.
    fn new(case: &Case, offset: f32) -> Self {
        let mut graph = Graph::new();
        let mut values = HashMap::new();
        let mut ids = Vec::new();
        for (i, ty) in case.inputs.iter().enumerate() {
            let name = format!("input{i}");
            ids.push(match ty.layout {
                Layout::Filter => graph.parameter_of(&name, *ty).expect("a filter"),
                Layout::Image => graph.input(&name, ty.shape, ty.dtype).expect("an input"),
            });
            let near = |v: &f32| if ty.layout == Layout::Image { v + offset } else { *v };
            values.insert(name, case.values(i).iter().map(near).collect());
        }
        let y = graph.add("y", case.op, &ids).expect("a convolution");
        let statistics = graph.add("statistics", Op::Fused(Fused::BatchStatistics), &[y]).expect("statistics");
        graph.set_outputs(vec![y, statistics]);
        Self { graph, values }
    }

    fn plan(&self, target: &Target) -> Plan {
        plan(&self.graph, self.graph.outputs(), target).expect("a plan")
    }

    /// Runs and judges a plan. Returns how the convolution and the statistics were computed.
    fn check(&self, device: &Device, target: &Target) -> (Choice, &'static str) {
        let plan = self.plan(target);
        let ways = (step(&plan, "y").choice(), step(&plan, "statistics").variant);
        let parameters = Parameters::upload(device, &self.graph, &self.values).expect("the parameters");
        let session = Session::from_plan(device, &self.graph, plan, Arc::new(parameters));
        let mut session = session.expect("a session");
        let inputs = self.graph.iter().filter(|(_, node)| matches!(node.op, Op::Input));
        let inputs: Vec<_> =
            inputs.map(|(_, node)| (node.name.as_str(), InputData::F32(&self.values[&node.name]))).collect();
        let got = session.run_blocking(&inputs).unwrap_or_else(|e| panic!("{ways:?}: {e}"));
        let of = |name: &str| self.graph.node(self.graph.find(name).expect("a node")).ty;
        let y = Tensor::from_f32(of("y").shape, got.f32("y").expect("an image"));
        let shape = of("statistics").shape;
        let want = evaluate(&Op::Fused(Fused::BatchStatistics), &[&y], shape);
        let magnitude = magnitude(&Op::Fused(Fused::BatchStatistics), &[&y], shape);
        let judged = compare(got.f32("statistics").expect("vectors"), &want, &magnitude, Tolerance::of(DType::F32));
        judged.unwrap_or_else(|e| panic!("{} by {ways:?}:\n{e}", of("y")));
        ways
    }
}

fn step<'a>(plan: &'a Plan, name: &str) -> &'a Step {
    plan.steps.iter().find(|step| step.name == name).expect("a step")
}

/// Maps whose strips and columns end everywhere within tiles of all sizes, one in several groups.
fn cases() -> Vec<Case> {
    let pointwise = Row { kernel: [1, 1], conv: conv(1, 1, 0, 1), bias: false, ..BASE };
    let stem = Row { image: [2, 21, 39, 3], cout: 37, kernel: [7, 7], conv: conv(2, 1, 3, 1), bias: false };
    let rows = [
        Row { image: [2, 9, 8, 21], cout: 70, ..BASE },
        Row { image: [1, 17, 11, 10], cout: 30, conv: conv(2, 1, 1, 1), bias: false, ..BASE },
        Row { image: [2, 7, 9, 24], cout: 96, conv: conv(1, 1, 1, 2), bias: false, ..BASE },
        Row { image: [1, 13, 21, 36], cout: 67, ..pointwise },
        Row { image: [3, 11, 13, 8], cout: 16, bias: true, ..pointwise },
        // A single pixel, and a single row of one strip.
        Row { image: [1, 1, 1, 12], cout: 20, ..pointwise },
        Row { image: [1, 1, 13, 12], cout: 5, ..pointwise },
        Row { image: [1, 3, 9, 8], cout: 20, ..pointwise },
        stem,
        Row { image: [1, 6, 51, 1], cout: 20, kernel: [3, 3], conv: conv(1, 1, 1, 1), bias: true },
    ];
    let cases: Vec<Case> = rows.iter().map(Row::case).collect();
    let finished = [0, 8].map(|i| fused(&cases[i], None, false, Some(Unary::Relu)));
    [cases, finished.to_vec()].concat()
}

/// The variants that measure, in all their tiles.
fn all() -> impl Iterator<Item = Choice> {
    MEASURING.into_iter().flat_map(|variant| {
        tiles(variant).expect("a variant").iter().map(move |tile| Choice { variant, tile: Some(*tile) })
    })
}

/// Whether statistics of the strips of a map, three vec4s in f32 for each, are worth storing: a third of the map at most. A stem's
/// strips end with their row, those of a subgroup's tile have sixteen rows.
fn pays(choice: &Choice, map: TensorType) -> bool {
    let row = if choice.variant == "stem" { map.shape.w } else { map.shape.n * map.shape.h * map.shape.w };
    let rows = map.shape.n * map.shape.h * map.shape.w / row;
    let tile = choice.tile.expect("a tile").m;
    let strips = rows * row.div_ceil(if choice.variant.ends_with("subgroup") { tile.min(16) } else { tile });
    3 * 48 * strips * map.padded().c / 4 <= map.bytes() as usize
}

/// Runs cases by every variant that measures, in each of its tiles, as an adapter that is software or not; returns those that did.
fn check(cases: &[Case], offset: f32, software: bool) -> BTreeSet<Choice> {
    let device = checked();
    let mut served = BTreeSet::new();
    for case in cases {
        let measured = Measured::new(case, offset);
        let map = measured.graph.node(measured.graph.find("y").expect("a node")).ty;
        for asked in all() {
            let target = Target { software, ..device.target().with(asked) };
            let legal = step(&measured.plan(&target), "y").choice() == asked;
            if legal {
                let (_, statistics) = measured.check(&device, &target);
                assert_eq!(statistics == "strips", pays(&asked, map), "{case:?} by {asked}");
                served.extend((statistics == "strips").then_some(asked));
            }
        }
    }
    served
}

#[test]
fn every_tile_measures_what_it_stores() {
    for software in [true, false] {
        let served = check(&cases(), 0.0, software);
        let target = device().target();
        let large = |way: &Choice| way.tile.is_some_and(|tile| tile.m >= 16) && is_reachable(way.variant, &target);
        let never: Vec<_> = all().filter(large).filter(|way| !served.contains(way)).collect();
        assert!(never.is_empty(), "no case reaches {never:?}");
    }
}

#[test]
fn values_far_from_zero_keep_their_variance() {
    let cases = cases();
    check(&[0, 3, 4, 8].map(|i| cases[i].clone()), 300.0, true);
}

#[test]
fn what_is_stored_in_f16_is_measured_as_it_is_stored() {
    if device().target().f16 {
        let cases = cases();
        let served = check(&[0, 2, 3, 9, 10].map(|i| cases[i].half()), 0.0, true);
        let variants: BTreeSet<_> = served.iter().map(|choice| choice.variant).collect();
        assert_eq!(variants, BTreeSet::from(["gemm_tiled", "implicit_gemm_tiled"]));
    }
}

/// More strips than a workgroup has invocations, joined by workgroups and by single invocations.
#[test]
fn many_strips_are_joined_either_way() {
    let device = checked();
    let row = Row { image: [2, 61, 67, 12], cout: 20, kernel: [1, 1], bias: false, ..BASE };
    let measured = Measured::new(&Row { conv: Conv2d::default(), ..row }.case(), 20.0);
    for software in [false, true] {
        let target = Target { software, ..device.target() };
        let workgroup = step(&measured.plan(&target), "statistics").dispatches[0].shader.variant;
        assert_eq!(workgroup, if software { "" } else { "workgroup" });
        assert_eq!(measured.check(&device, &target).1, "strips");
    }
}

/// Why the kernel that stores the map did not prepare its statistics.
fn refusal(graph: &Graph, target: &Target) -> Option<&'static str> {
    let plan = plan(graph, graph.outputs(), target).expect("a plan");
    let statistics = step(&plan, "statistics");
    assert_eq!(statistics.variant == "strips", statistics.declined.is_empty());
    statistics.declined.iter().find(|declined| declined.variant == "strips").map(|declined| declined.reason)
}

#[test]
fn what_cannot_be_measured_is_read_again_and_says_so() {
    let device = checked();
    let target = device.target();
    let row = Row { image: [2, 33, 32, 24], cout: 24, bias: false, ..BASE };
    let measured = Measured::new(&row.case(), 0.0);
    assert_eq!(refusal(&measured.graph, &target), None);
    let reason = Some("what makes its input does not measure it");
    // A kernel that does not measure, a map that is made in parts, strips of few pixels.
    let depthwise = Row { conv: Conv2d { groups: 24, ..BASE.conv }, ..row };
    assert_eq!(refusal(&Measured::new(&depthwise.case(), 0.0).graph, &target), reason);
    let tight = Target { limits: Limits { max_binding: 40_000, ..target.limits }, ..target.clone() };
    let large = Measured::new(&Row { cout: 8, ..row }.case(), 0.0);
    assert_eq!((refusal(&large.graph, &tight), refusal(&large.graph, &target)), (reason, None));
    large.check(&device, &tight);
    for variant in ["direct", "two_stage"] {
        let asked = Target { variant: Some(variant), ..target.clone() };
        assert_eq!(refusal(&measured.graph, &asked), reason);
    }
    // More strips than a GPU had better join.
    let many = Measured::new(&Row { image: [8, 161, 161, 3], cout: 32, bias: false, ..BASE }.case(), 0.0);
    let [software, gpu] = [true, false].map(|software| refusal(&many.graph, &Target { software, ..target.clone() }));
    assert_eq!((software, gpu), (None, reason));
    // A residual is added where the result is read again.
    let added = fused(&row.case(), None, true, None);
    assert_eq!(refusal(&Measured::new(&added, 0.0).graph, &target), reason);
    // No convolution at all.
    let mut graph = Graph::new();
    let x = graph.input("x", Measured::new(&row.case(), 0.0).graph.shape(atrous_graph::NodeId(0)), DType::F32);
    let statistics =
        graph.add("statistics", Op::Fused(Fused::BatchStatistics), &[x.expect("an input")]).expect("statistics");
    graph.set_outputs(vec![statistics]);
    assert_eq!(refusal(&graph, &target), reason);
}

/// Two readers of the same map, through an alias, read the same strips.
#[test]
fn strips_live_until_their_last_reader() {
    let device = checked();
    let row = Row { image: [2, 33, 32, 24], cout: 24, bias: false, ..BASE };
    let mut measured = Measured::new(&row.case(), 0.0);
    let y = measured.graph.find("y").expect("a node");
    let other = measured.graph.add("other", Op::Unary(Unary::Tanh), &[y]).expect("a node");
    let alias = measured.graph.add("alias", Op::StopGradient, &[y]).expect("a node");
    let again = measured.graph.add("again", Op::Fused(Fused::BatchStatistics), &[alias]).expect("a node");
    let outputs = measured.graph.outputs().iter().copied().chain([other, again]).collect();
    measured.graph.set_outputs(outputs);
    let target = device.target();
    let plan = measured.plan(&target);
    let bound = |name: &str| step(&plan, name).dispatches[0].bindings[0];
    assert_eq!((step(&plan, "again").variant, bound("again")), ("strips", bound("statistics")));
    assert_eq!(plan.scratch.iter().map(|strips| (strips.first, strips.last)).collect::<Vec<_>>(), [(0, 4)]);
    measured.check(&device, &target);
}
