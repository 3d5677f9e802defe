//! Operations defined by a program, which bring their own reference.

use atrous_graph::Shape;
use atrous_graph::op::{Custom, CustomOp, Values};

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Custom {
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let mut result = Tensor::zeros(output);
        self.reference(&values(inputs), &mut result.data);
        result
    }

    /// The magnitude that the operation defines.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let mut result = Tensor::zeros(output);
        let op: &dyn CustomOp = &**self;
        op.magnitude(&values(inputs), &mut result.data);
        result
    }
}

fn values<'a>(inputs: &[&'a Tensor]) -> Vec<Values<'a>> {
    inputs.iter().map(|x| Values { shape: x.shape, data: &x.data }).collect()
}
