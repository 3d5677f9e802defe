use atrous_graph::op::{CustomCut, CustomKernel, CustomOp, Values};
use atrous_graph::{DType, Graph, Op, Shape};

use super::*;
use crate::plan::plan as plan_graph;
use crate::{Target, plan_node};

/// Doubles its input, with these cuts, this grid and this constant.
#[derive(Clone, Copy, Debug)]
struct Twice {
    cut: CustomCut,
    grid: Grid,
    constant: f64,
}

impl CustomOp for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        result.iter_mut().zip(inputs[0].data).for_each(|(y, x)| *y = 2.0 * x);
    }

    fn kernel(&self, _: &[TensorType], output: TensorType) -> Result<CustomKernel, String> {
        if output.shape.c > 1000 {
            return Err(format!("{} channels are too many", output.shape.c));
        }
        let wgsl = "override FACTOR: f32; @compute @workgroup_size(1) fn main() { store(0u, FACTOR * load0(0u)); }";
        Ok(CustomKernel { wgsl: wgsl.into(), constants: vec![("FACTOR", self.constant)], grid: self.grid })
    }

    fn cut(&self) -> CustomCut {
        self.cut
    }

    fn macs(&self, inputs: &[TensorType], _: TensorType) -> u64 {
        inputs[0].shape.len() as u64
    }
}

const TWICE: Twice = Twice { cut: CustomCut::Whole, grid: Grid::Linear(7), constant: 2.0 };

fn plan_of(op: Twice, x: Shape, limits: Limits) -> Result<NodePlan, PlanError> {
    let x = TensorType::image(x);
    plan_node(&Op::custom(op), &[x], x, &Target::new(limits, false))
}

#[test]
fn a_plan_has_the_text_its_constants_and_its_grid() {
    let plan = plan_of(TWICE, Shape::new(2, 3, 4, 5), Limits::WEBGPU).expect("a plan");
    let [dispatch] = plan.dispatches.as_slice() else { panic!("one dispatch") };
    assert_eq!((plan.variant, dispatch.shader.name, dispatch.grid), ("custom", "twice", [7, 1, 1]));
    assert_eq!(dispatch.pipeline_constants(), [("FACTOR", 2.0)]);
    assert_eq!(*dispatch.shader.bindings, [Access::Read, Access::ReadWrite]);
    assert_eq!(dispatch.bindings.iter().map(|b| b.size).collect::<Vec<_>>(), [768, 768]);
    for line in ["const X0_C: u32 = 5u;", "const Y_C4: u32 = 2u;", "const Y_COUNT: u32 = 48u;"] {
        assert!(dispatch.shader.source.contains(line), "{line}");
    }
    assert!(dispatch.shader.source.starts_with("override FACTOR"), "an error's line is the author's");
}

#[test]
fn every_binding_can_be_declared_as_written() {
    let plan = plan_of(TWICE, Shape::new(1, 1, 1, 4), Limits::WEBGPU).expect("a plan");
    let text = plan.dispatches[0].shader.declared(&[Access::ReadWrite; 2]);
    assert!(text.contains("@binding(0) var<storage, read_write> atrous_x0"), "{text}");
}

#[test]
fn what_the_adapter_does_not_allow_is_refused() {
    let text = |op, limits| plan_of(op, Shape::new(1, 8, 8, 16), limits).expect_err("too much").to_string();
    let small = Limits { max_workgroups: 4, ..Limits::WEBGPU };
    assert_eq!(text(Twice { grid: Grid::Linear(17), ..TWICE }, small), "needs 17 workgroups, the adapter allows 16");
    let exact = Twice { grid: Grid::Exact([1, 5, 1]), ..TWICE };
    assert_eq!(text(exact, small), "needs 5 workgroups in one dimension, the adapter allows 4");
    let empty = Twice { grid: Grid::Exact([1, 0, 1]), ..TWICE };
    assert_eq!(text(empty, small), "it gives no kernel: its grid of [1, 0, 1] workgroups is empty");
    let nan = Twice { constant: f64::NAN, ..TWICE };
    assert_eq!(text(nan, Limits::WEBGPU), "it gives no kernel: its constant FACTOR is NaN");
    let few = Limits { storage_bindings: 1, ..Limits::WEBGPU };
    assert_eq!(text(TWICE, few), "needs 2 storage bindings, the adapter allows 1");
    let refused = plan_of(TWICE, Shape::new(1, 1, 1, 1001), Limits::WEBGPU).expect_err("too many channels");
    assert_eq!(refused.to_string(), "it gives no kernel: 1001 channels are too many");
}

/// 2×16×8×8: rows of 256 bytes, samples of 4 KiB.
const IMAGE: Shape = Shape::new(2, 16, 8, 8);

#[test]
fn it_is_cut_only_where_it_says_so() {
    let parts = |cut, max_binding| {
        let limits = Limits { max_binding, ..Limits::WEBGPU };
        plan_of(Twice { cut, ..TWICE }, IMAGE, limits).map(|plan| plan.dispatches.len())
    };
    let refused = |needs, limit| Err(PlanError::Limit { what: "bytes in one binding", needs, limit });
    assert_eq!(parts(CustomCut::Whole, 8192), Ok(1));
    assert_eq!(parts(CustomCut::Whole, 4096), refused(8192, 4096));
    assert_eq!(parts(CustomCut::Samples, 4096), Ok(2));
    assert_eq!(parts(CustomCut::Samples, 2048), refused(8192, 2048));
    assert_eq!(parts(CustomCut::Rows, 2048), Ok(4));
}

#[test]
fn parts_that_begin_between_aligned_bytes_have_offsets() {
    // Rows of 48 bytes.
    let limits = Limits { max_binding: 512, ..Limits::WEBGPU };
    let op = Twice { cut: CustomCut::Rows, ..TWICE };
    let plan = plan_of(op, Shape::new(1, 16, 3, 4), limits).expect("a plan");
    let second = &plan.dispatches[1];
    let row = second.shader.source.contains("const Y_H: u32 = 8u;");
    assert!(row && second.shader.source.contains("atrous_y[i + 8u]"), "{}", second.shader.source);
    assert_eq!((second.bindings[1].offset, second.bindings[1].size), (256, 512));
}

#[test]
fn a_graph_with_one_is_planned_and_a_refusal_names_its_node() {
    let mut graph = Graph::new();
    let x = graph.input("x", IMAGE, DType::F32).expect("an input");
    let y = graph.add("act", Op::custom(TWICE), &[x]).expect("a node");
    let target = Target::new(Limits::WEBGPU, false);
    let plan = plan_graph(&graph, &[y], &target).expect("a plan");
    assert_eq!((plan.steps[0].op, plan.steps[0].macs, plan.steps[0].bytes), ("twice", 2048, 16384));
    assert!(plan.to_string().contains("twice"), "{plan}");
    let tight = Target { limits: Limits { max_binding: 4096, ..Limits::WEBGPU }, ..target };
    let refused = plan_graph(&graph, &[y], &tight).expect_err("8 KiB in a binding of 4").to_string();
    assert_eq!(refused, "twice \"act\": needs 8192 bytes in one binding, the adapter allows 4096");
}

#[test]
fn there_is_nothing_to_tune_and_the_key_is_what_it_prints() {
    let x = TensorType::image(IMAGE);
    let operation = crate::Operation { op: Op::custom(TWICE), inputs: vec![x], output: x };
    assert_eq!(operation.candidates(&Target::new(Limits::WEBGPU, false)), Ok(Vec::new()));
    let key = operation.key();
    assert!(key.starts_with("twice Twice { cut: Whole, grid: Linear(7), constant: 2.0 }: 2×16×8×8 f32"), "{key}");
}
