//! Operations that a program brings along define themselves.

use atrous_graph::Shape;
use atrous_graph::op::{Custom, Values};

use crate::Tensor;

pub(crate) fn evaluate(op: &Custom, inputs: &[&Tensor], output: Shape) -> Tensor {
    let mut result = Tensor::zeros(output);
    op.reference(&values(inputs), &mut result.data);
    result
}

pub(crate) fn magnitude(op: &Custom, inputs: &[&Tensor], output: Shape) -> Tensor {
    let mut result = Tensor::zeros(output);
    op.magnitude(&values(inputs), &mut result.data);
    result
}

fn values<'a>(inputs: &[&'a Tensor]) -> Vec<Values<'a>> {
    inputs.iter().map(|x| Values { shape: x.shape, data: &x.data }).collect()
}
