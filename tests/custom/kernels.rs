//! Kernels on a device that looks at padding, beside their references.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{Device, GpuError, Parameters, Session};
use atrous_graph::op::{CustomCut, Grid};
use atrous_graph::{DType, Graph, Op, Shape, TensorType};
use atrous_kernels::{Limits, Target};
use atrous_tests::{Case, Setting, checked, device, stored};

use crate::ops::{BELL, BELL_GRAD, MARK, Own, PEAK, ROWS};

const SHAPES: [Shape; 4] =
    [Shape::new(2, 3, 5, 6), Shape::new(1, 1, 1, 1), Shape::new(1, 7, 3, 4), Shape::new(2, 2, 9, 13)];

fn images(op: Own, shape: Shape) -> Case {
    Case::images(Op::custom(op), &vec![shape; op.inputs])
}

#[test]
fn results_are_those_of_the_reference_in_f32_and_f16() {
    let device = checked();
    let target = device.target();
    let all = SHAPES.iter().flat_map(|shape| [BELL, BELL_GRAD, PEAK].map(|op| images(op, *shape)));
    for case in stored(all.chain([images(ROWS, Shape::new(2, 3, 21, 6))]), &target) {
        for setting in [Setting::Alone, Setting::Dying, Setting::Concatenated] {
            case.expect_in(setting).check(&device, &target);
        }
    }
}

#[test]
fn maps_filters_and_no_inputs_at_all() {
    let device = checked();
    for shape in SHAPES {
        let inputs = vec![TensorType::image(shape), TensorType::map(Shape { c: 1, ..shape })];
        Case { op: Op::custom(MARK), inputs }.expect().check(&device, &device.target());
        Case { op: Op::custom(BELL), inputs: vec![TensorType::filter(shape)] }
            .expect()
            .check(&device, &device.target());
    }
    let columns = Own {
        name: "columns",
        inputs: 0,
        infer: |_| TensorType::image(Shape::new(2, 3, 4, 5)),
        reference: |_, y| y.iter_mut().enumerate().for_each(|(i, y)| *y = (i / 5 % 4) as f64),
        exact: true,
        wgsl: "fn value(i: u32) -> vec4<f32> { return vec4(f32(position(i).z)); }",
        ..BELL
    };
    Case { op: Op::custom(columns), inputs: Vec::new() }.expect().check(&device, &device.target());
}

#[test]
fn parts_of_tensors_larger_than_a_binding_are_computed_alone() {
    let device = checked();
    let limits = Limits { max_binding: 2048, ..device.target().limits };
    let target = Target { limits, ..device.target() };
    // Rows of 240 bytes, which begin between aligned ones.
    let rows = Shape::new(2, 31, 5, 9);
    for case in stored([images(BELL, rows), images(BELL_GRAD, rows)], &target) {
        let expected = case.expect();
        assert!(expected.plan(&target).steps.iter().any(|step| step.dispatches.len() > 2));
        expected.check(&device, &target);
    }
    let samples = images(PEAK, Shape::new(9, 5, 3, 8));
    assert!(samples.expect().plan(&target).steps[0].dispatches.len() > 1);
    samples.expect().check(&device, &target);
    let whole = images(Own { cut: CustomCut::Whole, ..BELL }, rows);
    assert!(!whole.expect().fits(&target));
}

/// What a session with this operation is refused with.
fn refused(device: &Device, op: Own) -> GpuError {
    let mut graph = Graph::new();
    let x = graph.input("x", Shape::new(1, 2, 2, 4), DType::F32).expect("an input");
    let y = graph.add("y", Op::custom(op), &[x]).expect("a node");
    let parameters = Parameters::upload(device, &graph, &HashMap::<String, Vec<f32>>::new()).expect("no parameters");
    Session::new(device, &graph, &[y], Arc::new(parameters)).expect_err("a bad kernel")
}

#[test]
fn a_text_that_is_no_wgsl_is_refused_with_its_line() {
    let device = device();
    for (wgsl, part) in [
        ("fn value(i: u32) -> vec4<f32> {\n    return load0(i) +* 1.0;\n}", "wgsl:2:"),
        ("fn value(i: u32) -> vec4<f32> { return load7(i); }", "load7"),
        ("fn value(i: u32) -> vec4<f32> { return 1.0; }", "value"),
        ("fn value(i: u32) -> vec4<f32> { atrous_x0[i] = vec4<f32>(); return load0(i); }", "atrous_x0"),
        ("fn position(i: u32) -> u32 { return i; } fn value(i: u32) -> vec4<f32> { return load0(i); }", "position"),
        (
            "@group(0) @binding(5) var<storage, read> more: array<f32>; fn value(i: u32) -> vec4<f32> { return vec4(more[i]); }",
            "binding",
        ),
        ("", "value"),
    ] {
        let error = refused(&device, Own { wgsl, ..BELL });
        let text = error.to_string();
        assert!(matches!(error, GpuError::CustomKernel { op: "bell", .. }), "{text}");
        assert!(text.starts_with("the kernel of bell was refused: ") && text.contains(part), "{part}: {text}");
    }
    // The device is as good as before.
    let case = images(BELL, SHAPES[0]);
    case.expect().check(&device, &device.target());
}

#[test]
fn more_than_the_device_has_is_refused() {
    let device = device();
    let grid = Some(Grid::Exact([1, 1, 1]));
    for (wgsl, part) in [
        (
            "var<workgroup> much: array<vec4<f32>, 4000000>; @compute @workgroup_size(1) fn main() { store(0u, much[0]); }",
            "workgroup",
        ),
        ("@compute @workgroup_size(70000) fn main() { store(0u, load0(0u)); }", "Workgroup size is out of range"),
        ("override MISSING: f32; @compute @workgroup_size(1) fn main() { store(0u, vec4(MISSING)); }", "MISSING"),
        ("@compute @workgroup_size(1) fn other() { store(0u, load0(0u)); }", "main"),
    ] {
        let error = refused(&device, Own { wgsl, grid, ..BELL });
        let text = error.to_string();
        assert!(matches!(error, GpuError::CustomKernel { .. }) && text.contains(part), "{part}: {text}");
    }
}

/// Kernels of ours run without checks; those of a program must not reach past their bindings, nor run for ever.
#[test]
fn a_kernel_that_leaves_its_bounds_does_no_harm() {
    let device = device();
    let wild = Own {
        wgsl: "fn value(i: u32) -> vec4<f32> { return load0(i + 1000000000u) * 0.0; }",
        reference: |_, y| y.fill(0.0),
        exact: true,
        ..BELL
    };
    images(wild, SHAPES[0]).expect().check(&device, &device.target());
}
