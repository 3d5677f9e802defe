//! The trait of operations defined by a program.

use std::fmt;

use crate::{GraphError, NodeId, Shape, TensorType};

use super::backward::Backward;
use super::kernel::CustomKernel;

/// An operation defined by a program, used as [`Op::Custom`](crate::Op::Custom).
///
/// [`Debug`](fmt::Debug) must print all attributes, as the derived implementation does: objects of the same type with
/// the same output are the same operation.
pub trait CustomOp: fmt::Debug + Send + Sync + 'static {
    /// The name in prints and errors, such as `mish`.
    fn name(&self) -> &'static str;

    /// Number of inputs.
    fn inputs(&self) -> usize {
        1
    }

    /// The shape rule: the type of the result from the types of the [`Self::inputs`] inputs. Floats are f32 here, even
    /// if they are stored in f16. By default, all inputs must have the same type, which is the result's.
    ///
    /// # Errors
    /// What the operation expects and what it got, without the node's name.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let first = *inputs.first().ok_or("it has no shape rule")?;
        match inputs.iter().find(|other| **other != first) {
            Some(other) => Err(format!("the inputs must be of one type, got {first} and {other}")),
            None => Ok(first),
        }
    }

    /// The reference: computes the result, `result.len()` values of the inferred shape.
    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]);

    /// For each value of the result, the sum of the magnitudes of its terms, regardless of cancellation. A kernel's
    /// error may be a few roundings of this. 0 where nothing is rounded, as in a maximum. The default is the reference
    /// of absolute values.
    fn magnitude(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        let absolute: Vec<Vec<f64>> = inputs.iter().map(|x| x.data.iter().map(|v| v.abs()).collect()).collect();
        let absolute: Vec<Values<'_>> =
            inputs.iter().zip(&absolute).map(|(x, data)| Values { shape: x.shape, data }).collect();
        self.reference(&absolute, result);
        result.iter_mut().for_each(|v| *v = v.abs());
    }

    /// The kernel for tensors of these types. If the operation is [cut](Self::cut), they may be parts of larger
    /// tensors.
    ///
    /// # Errors
    /// The reason why there is no kernel.
    fn kernel(&self, inputs: &[TensorType], output: TensorType) -> Result<CustomKernel, String>;

    /// Appends the gradients with respect to the inputs: for each input one of its type, or `None` if it has no
    /// gradient.
    ///
    /// # Errors
    /// By default, that there is no gradient.
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

    /// Whether a float input may be stored in f16. All such inputs have the same type. If input 0 is one of them, it is
    /// the result's type too.
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
    /// N×H×W×C; kh×kw×(Cin/groups)×Cout for filters.
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
    /// Ranges of samples. They read the same samples of images with as many samples as the result, and all of the other
    /// inputs.
    Samples,
    /// Ranges of samples, and ranges of rows of one sample. They read the same samples and rows of images with as many
    /// samples or rows as the result, and all of the other inputs.
    Rows,
}
