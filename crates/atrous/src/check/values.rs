//! Inputs of a checked operation.

use atrous_graph::{DType, Graph, GraphError, Layout, NodeId, TensorType};

/// A fixed pseudo-random sequence of numbers from 0 to 1 (Knuth's linear congruential generator).
pub(super) fn sequence(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    })
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
