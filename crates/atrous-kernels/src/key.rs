//! An operation as text.

use atrous_graph::{Op, TensorType};

/// An operation as text: attributes and shapes, the same in every program.
pub(crate) fn key(op: &Op, inputs: impl Iterator<Item = TensorType>, output: TensorType) -> String {
    let inputs: Vec<String> = inputs.map(|ty| ty.to_string()).collect();
    format!("{op}: {} -> {output}", inputs.join(", "))
}
