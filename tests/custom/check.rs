//! `atrous::check` finds what is wrong with an operation, and nothing wrong with a right one.

use atrous::check::{CheckError, Checked, check_blocking, check_values_blocking};
use atrous_graph::op::{Conv2d, Padding, Unary};
use atrous_graph::{DType, Op, Shape, TensorType};
use atrous_tests::{checked, device};

use crate::ops::{BELL, BELL_GRAD, MARK, Own, PEAK};

const IMAGE: TensorType = TensorType::image(Shape::new(2, 5, 4, 6));

/// The name of the node and of its type.
fn kernel(node: &str, dtype: DType) -> (String, DType) {
    (node.to_owned(), dtype)
}

fn check(op: Own) -> Result<Checked, CheckError> {
    let map = TensorType::map(Shape { c: 1, ..IMAGE.shape });
    let types: Vec<TensorType> = (0..op.inputs).map(|i| if op.map == Some(i) { map } else { IMAGE }).collect();
    check_blocking(&checked(), &Op::custom(op), &types)
}

#[test]
fn right_operations_pass_in_both_types_with_their_gradients() {
    let halves = device().target().f16;
    let both = |nodes: &[&str]| -> Vec<(String, DType)> {
        let types = [DType::F32, DType::F16];
        let of =
            |node: &&str| types.iter().take(1 + usize::from(halves)).map(|ty| kernel(node, *ty)).collect::<Vec<_>>();
        nodes.iter().flat_map(of).collect()
    };
    let bell = check(BELL).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(bell, Checked { kernels: both(&["y", "y.grad"]), gradient: true });
    let peak = check(PEAK).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(peak, Checked { kernels: both(&["y"]), gradient: false });
    check(MARK).unwrap_or_else(|e| panic!("{e}"));
    check(Own { half: false, ..BELL_GRAD }).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn operations_of_ours_pass() {
    let relu = check_blocking(&checked(), &Op::Unary(Unary::Silu), &[IMAGE]).unwrap_or_else(|e| panic!("{e}"));
    assert!(relu.gradient);
    let conv = Op::Conv2d(Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() });
    let types = [IMAGE, TensorType::filter(Shape::new(3, 3, 6, 3))];
    assert!(check_blocking(&checked(), &conv, &types).unwrap_or_else(|e| panic!("{e}")).gradient);
}

fn error(op: Own) -> String {
    check(op).expect_err("a wrong operation").to_string()
}

#[test]
fn a_wrong_kernel_is_found_at_its_worst_element() {
    let text = error(Own {
        wgsl: "fn value(i: u32) -> vec4<f32> {
            let y = 2.0 / (1.0 + load0(i) * load0(i));
            return select(y, y + vec4(0.0, 1e-4, 0.0, 0.0), vec4(i == 7u));
        }",
        ..BELL
    });
    // Vec4 7 is that of channels 4 and 5 of pixel 3.
    assert!(
        text.starts_with("bell \"y\" in f32: 1 of 240 values are off, worst at n 0, y 0, x 3, c 5: got "),
        "{text}"
    );
    // A maximum must be right to the bit.
    let nearly = Own { wgsl: "fn value(i: u32) -> vec4<f32> { return load0(i) * 1.0000002; }", ..SAME };
    check(SAME).unwrap_or_else(|e| panic!("{e}"));
    assert!(error(nearly).contains("allowed 0.000e0"));
    // What is not stored is NaN.
    let text = error(Own {
        wgsl: "@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { store(i, load0(i)); }",
        grid: Some(atrous_graph::op::Grid::Linear(1)),
        ..SAME
    });
    assert!(text.contains("padding") || text.contains("NaN"), "{text}");
}

/// The input itself.
const SAME: Own = Own {
    name: "same",
    reference: |x, y| y.copy_from_slice(x[0].data),
    exact: true,
    wgsl: "fn value(i: u32) -> vec4<f32> { return load0(i); }",
    gradient: None,
    ..BELL
};

#[test]
fn a_wrong_kernel_in_f16_or_of_a_map_is_found() {
    if device().target().f16 {
        let text = error(Own { wgsl: "fn value(i: u32) -> vec4<f32> { return load0(i) * select(1.0, 1.001, X0_C4 * 2u == 4u && X0_N == 2u && f16_like(i)); }
            fn f16_like(i: u32) -> bool { return load0(i).x == f32(i32(load0(i).x * 1024.0)) / 1024.0; }", ..SAME });
        assert!(text.starts_with("same \"y\" in f"), "{text}");
    }
    let text = error(Own {
        wgsl: "fn value(i: u32) -> vec4<u32> { return load1(i) + select(0u, 7u, load0(i).x > 0.0); }",
        ..MARK
    });
    assert!(text.starts_with("mark \"y\" in f32: "), "{text}");
}

#[test]
fn a_wrong_gradient_is_found_and_so_is_its_kernel() {
    // The sign, and one that is not there.
    let text = error(Own {
        gradient: Some(|backward| {
            let (x, dy) = (backward.input(0)?, backward.dy());
            let negative = Own { reference: |x, y| (BELL_GRAD.reference)(x, y), ..BELL_GRAD };
            let dx = backward.add("grad", Op::custom(negative), &[x, dy])?;
            Ok(vec![Some(backward.add("minus", Op::Unary(Unary::Affine { scale: -1.0, shift: 0.0 }), &[dx])?)])
        }),
        ..BELL
    });
    assert!(text.starts_with("bell: the gradient with respect to input 0 at n "), "{text}");
    let none = error(Own { gradient: Some(|_| Ok(vec![None])), ..BELL });
    assert!(none.contains(" is 0, by central differences "), "{none}");
    let text = error(Own {
        gradient: Some(|backward| {
            let (x, dy) = (backward.input(0)?, backward.dy());
            let wrong = Own { wgsl: "fn value(i: u32) -> vec4<f32> { return load1(i); }", ..BELL_GRAD };
            Ok(vec![Some(backward.add("grad", Op::custom(wrong), &[x, dy])?)])
        }),
        ..BELL
    });
    assert!(text.starts_with("bell_grad \"y.grad\" in f32: "), "{text}");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let device = device();
    let op = Op::custom(BELL);
    let text = |inputs: &[TensorType], values: &[Vec<f32>]| {
        check_values_blocking(&device, &op, inputs, values).expect_err("bad values").to_string()
    };
    assert_eq!(text(&[IMAGE], &[]), "bell needs values for 1 inputs, got 0");
    assert_eq!(text(&[IMAGE], &[vec![1.0]]), "input \"input0\": 2×5×4×6 needs 240 values, got 1");
    assert_eq!(text(&[IMAGE; 2], &[vec![0.0; 240], vec![0.0; 240]]), "bell \"y\": needs 1 inputs, got 2");
    let broken = error(Own { wgsl: "fn value(i: u32) -> vec4<f32> { return load0(i) }", ..BELL });
    assert!(broken.starts_with("the kernel of bell was refused: "), "{broken}");
}
