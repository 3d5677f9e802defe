//! What an operation that a program brings along says of itself.

use std::fmt;

use crate::{GraphError, NodeId, Shape, TensorType};

use super::backward::Backward;
use super::kernel::CustomKernel;

/// An operation of one's own, used as [`Op::Custom`](crate::Op::Custom).
///
/// [`Debug`](fmt::Debug) must print all attributes, as the derived one does: two objects of one type that print the same are the same
/// operation.
pub trait CustomOp: fmt::Debug + Send + Sync + 'static {
    /// The name in prints and errors, such as `mish`.
    fn name(&self) -> &'static str;

    /// Number of inputs.
    fn inputs(&self) -> usize {
        1
    }

    /// The shape rule: the result's type from the inputs' types, as many as [`Self::inputs`], where nothing is stored in f16. Without a
    /// method of its own all are of one type.
    ///
    /// # Errors
    /// What the operation wants and what it got, without the node's name.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let first = *inputs.first().ok_or("it has no shape rule")?;
        match inputs.iter().find(|other| **other != first) {
            Some(other) => Err(format!("the inputs must be of one type, got {first} and {other}")),
            None => Ok(first),
        }
    }

    /// The definition: computes the result, `result.len()` values of the inferred shape.
    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]);

    /// How large the terms are that each value of the result is a sum of, however much they cancel: a kernel may be off by
    /// roundings of that. Zero where nothing is rounded, as in a maximum. Without a method of its own the reference on absolute values.
    fn magnitude(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        let absolute: Vec<Vec<f64>> = inputs.iter().map(|x| x.data.iter().map(|v| v.abs()).collect()).collect();
        let absolute: Vec<Values<'_>> =
            inputs.iter().zip(&absolute).map(|(x, data)| Values { shape: x.shape, data }).collect();
        self.reference(&absolute, result);
        result.iter_mut().for_each(|v| *v = v.abs());
    }

    /// The kernel for tensors of these types, which are parts of larger ones where the operation is [cut](Self::cut).
    ///
    /// # Errors
    /// Why there is none.
    fn kernel(&self, inputs: &[TensorType], output: TensorType) -> Result<CustomKernel, String>;

    /// Appends the gradients with respect to the inputs: one for each, of its type, or `None` where none flows.
    ///
    /// # Errors
    /// Without a method of its own, that there is no gradient.
    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Err(backward.unsupported())
    }

    /// Multiply-accumulates.
    fn macs(&self, _inputs: &[TensorType], _output: TensorType) -> u64 {
        0
    }

    /// Whether an input is a u32 map: classes, indices. All others are floats.
    fn takes_map(&self, _input: usize) -> bool {
        false
    }

    /// Whether an input of floats may be stored in f16. Those that may are all of one type, which is the result's too if input 0 is one of
    /// them.
    fn stores_f16(&self, _input: usize) -> bool {
        false
    }

    /// Which parts can be computed on their own, so that tensors may be larger than one binding.
    fn cut(&self) -> CustomCut {
        CustomCut::Whole
    }
}

/// A dense tensor in row-major order; u32 maps hold whole numbers.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// N×H×W×C, of filters kh×kw×(Cin/groups)×Cout.
    pub shape: Shape,
    /// `shape.len()` values.
    pub data: &'a [f64],
}

impl Values<'_> {
    /// Element (n, y, x, c).
    pub fn at(&self, n: usize, y: usize, x: usize, c: usize) -> f64 {
        self.data[self.shape.index(n, y, x, c)]
    }
}

/// Which parts of a result can be computed on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomCut {
    /// The result is computed as a whole.
    Whole,
    /// Ranges of samples, from the same samples of the inputs that have as many, and all of the others.
    Samples,
    /// Ranges of samples, and ranges of rows of one sample, from the same rows of the inputs that have as many, and all of the others.
    Rows,
}
