//! Inputs of a checked operation.

use atrous_cpu::Tensor;
use atrous_graph::op::{Binary, Fused, Gradient, LabelWeight, MaxPoolGrad, MaxPoolIndices, OneHot, Unary, UnaryGrad};
use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, Op, Shape, TensorType};

/// A fixed pseudo-random sequence of numbers from 0 to 1 (Knuth's linear congruential generator).
pub(super) fn sequence(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    })
}

/// Values rounded to a tensor's type. Subnormal values of f16 become zero, since devices may treat them as zero.
pub(super) fn stored(tensor: &Tensor, dtype: DType) -> Tensor {
    const SMALLEST: f64 = 1.0 / 16384.0;
    match dtype {
        DType::U32 => tensor.clone(),
        DType::F32 => tensor.rounded(),
        DType::F16 => tensor.rounded_to_f16().map(|v| if v.abs() < SMALLEST { 0.0 } else { v }),
    }
}

/// Values for inputs of these types.
pub(super) fn random(inputs: &[TensorType]) -> Vec<Vec<f32>> {
    let values = |(i, ty): (usize, &TensorType)| {
        let shaped = |v: f64| if ty.dtype == DType::U32 { (8.0 * v).floor() } else { 4.0 * v - 2.0 };
        sequence(i as u64 + 1).take(ty.shape.len()).map(|v| shaped(v) as f32).collect()
    };
    inputs.iter().enumerate().map(values).collect()
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// The name of an input.
pub(super) fn name(index: usize) -> String {
    format!("input{index}")
}

/// Adds inputs of these types; filters are parameters.
pub(super) fn sources(graph: &mut Graph, inputs: &[TensorType]) -> Result<Vec<NodeId>, GraphError> {
    let source = |(i, ty): (usize, &TensorType)| match ty.layout {
        Layout::Filter => graph.parameter_of(&name(i), *ty),
        Layout::Image => graph.input(&name(i), ty.shape, ty.dtype),
    };
    inputs.iter().enumerate().map(source).collect()
}

/// Values that suit the op: positive variances, ties for maxima, the whole range of a function's argument, labels of which
/// some are out of range or 255.
pub fn suited(op: &Op, inputs: &[TensorType], input: usize) -> Vec<f32> {
    let ty = inputs[input];
    if let (Op::Gradient(Gradient::MaxPool(grad)), 1) = (op, input) {
        return indices(grad, ty);
    }
    let mut state = 0x2545_F491_4F6C_DD1D_u64 ^ (input as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let uniform = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    });
    let shaped = |v: f32| match classes(op, inputs, input) {
        Some(classes) => label(v, classes),
        None if ty.dtype == DType::U32 => ((v + 1.0) * 500.0).floor(),
        None => number(op, input, v),
    };
    let values: Vec<f32> = uniform.take(ty.shape.len()).map(shaped).collect();
    stored(&Tensor::from_f32(ty.shape, &values), ty.dtype).to_f32()
}

/// The places of the maxima of an image, of this type.
fn indices(grad: &MaxPoolGrad, ty: TensorType) -> Vec<f32> {
    let x = TensorType::image(Shape { h: grad.h, w: grad.w, ..ty.shape });
    let op = Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: grad.window }));
    let image = Tensor::from_f32(x.shape, &suited(&op, &[x], 0));
    atrous_cpu::evaluate(&op, &[&image], ty.shape).to_f32()
}

/// The number of classes of an input that holds labels.
fn classes(op: &Op, inputs: &[TensorType], input: usize) -> Option<usize> {
    use Gradient as G;
    if let (Op::OneHot(OneHot { classes, .. }) | Op::LabelWeight(LabelWeight { classes, .. }), 0) = (op, input) {
        return Some(*classes);
    }
    let of_loss = matches!(
        op,
        Op::CrossEntropy(_)
            | Op::Gradient(G::CrossEntropy(_))
            | Op::Fused(Fused::CrossEntropy(_) | Fused::CrossEntropyGrad(_))
    );
    (of_loss && input == 1).then(|| inputs[0].shape.c)
}

/// A label from a number from -1 to 1; a few are the number of classes, or 255.
fn label(v: f32, classes: usize) -> f32 {
    match ((v + 1.0) / 2.0 * (classes + 2) as f32).floor() {
        label if label > classes as f32 => 255.0,
        label => label,
    }
}

/// A number that suits an input, from one from -1 to 1.
fn number(op: &Op, input: usize, v: f32) -> f32 {
    use Fused as F;
    use Gradient as G;
    let is = (op, input);
    if matches!(
        is,
        (Op::CrossEntropy(_) | Op::Fused(F::CrossEntropy(_)), 2)
            | (Op::Gradient(G::CrossEntropy(_)) | Op::Fused(F::CrossEntropyGrad(_)), 3)
            | (Op::LabelWeight(_), 1)
    ) {
        return 1.0 + 0.9 * v;
    }
    // The nearer to zero, the less room for their rounding; all below it, as a padding that counted would show.
    if matches!(is, (Op::Fused(F::CrossEntropy(_) | F::CrossEntropyGrad(_)), 0)) {
        return 6.0 * v - 9.0;
    }
    if matches!(is, (Op::CrossEntropy(_) | Op::Gradient(G::CrossEntropy(_)), 0)) {
        return 6.0 * v - 90.0;
    }
    if matches!(
        is,
        (Op::BatchNorm(_) | Op::Fused(F::BatchNorm(_)), 2)
            | (Op::Gradient(G::BatchNorm(_) | G::BatchNormSums(_)), 3)
            | (Op::Fused(F::BatchNormGrad(_) | F::BatchNormGradSums(_)), 3)
    ) {
        return 1.0 + 0.5 * v;
    }
    let of_maxima = matches!(op, Op::MaxPool(_) | Op::ArgMax | Op::ChannelMaxPool(_) | Op::Fused(F::ArgMax(_)))
        || matches!(op, Op::Gradient(G::MaxPoolIndices(_)))
        || matches!(is, (Op::Gradient(G::ChannelMaxPool(_)), 0));
    if of_maxima {
        return (v * 8.0).floor();
    }
    of_functions(op, input, v)
}

/// [`number`] for functions of elements, softmax and statistics.
fn of_functions(op: &Op, input: usize, v: f32) -> f32 {
    use Gradient as G;
    let is = (op, input);
    if matches!(is, (Op::Unary(Unary::Ln), _) | (Op::Gradient(G::Unary(UnaryGrad(Unary::Ln))), 0)) {
        return 0.01 + 9.0 * v.abs();
    }
    if matches!(is, (Op::Unary(_), _) | (Op::Gradient(G::Unary(_)), 0)) {
        return 9.0 * v;
    }
    if matches!(is, (Op::Binary(Binary::Equal), _) | (Op::Binary(Binary::DivNoNan), 1)) {
        return (v * 3.0).floor();
    }
    // All far below zero: a maximum that took the padding in would leave nothing but underflow.
    if matches!(op, Op::Softmax | Op::LogSoftmax) {
        return 60.0 * v - 500.0;
    }
    if matches!(is, (Op::Gradient(G::LogSoftmax), 0)) {
        return 3.0 * v - 3.0;
    }
    if matches!(is, (Op::ChannelVariance | Op::Fused(Fused::BatchStatistics), 0)) {
        return 20.0 + v;
    }
    if matches!(is, (Op::ChannelVariance, 1)) { 20.0 } else { v }
}
