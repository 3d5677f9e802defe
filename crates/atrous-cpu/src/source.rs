//! Inputs and parameters, whose values are given.

use atrous_graph::op::{Input, Parameter};
use atrous_graph::{Op, Shape};

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Input {
    fn evaluate(&self, _inputs: &[&Tensor], _output: Shape) -> Tensor {
        panic!("{} nodes are given, not computed", Op::Input.name())
    }

    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        self.evaluate(inputs, output)
    }
}

impl Reference for Parameter {
    fn evaluate(&self, _inputs: &[&Tensor], _output: Shape) -> Tensor {
        panic!("{} nodes are given, not computed", Op::Parameter.name())
    }

    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        self.evaluate(inputs, output)
    }
}
