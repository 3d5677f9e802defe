//! The enumeration of all operations, and what the rule of a gradient, which makes operations of them, works with.

use crate::{GraphError, NodeId, Shape, TensorType};

use super::conv::{Conv2d, Conv2dGradInput};
use super::custom::Custom;
use super::definition::{self, Definition};
use super::fused::Fused;
use super::gradient::Gradient;
use super::loss::{CrossEntropy, LabelWeight, OneHot};
use super::movement::{Broadcast, Concat, Fill, Flip, Pad, Permute, Place, Slice};
use super::norm::{BatchNorm, ChannelVariance, RunningStat};
use super::pointwise::{Binary, Cast, Dropout, LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad, StopGradient, Unary};
use super::pool::{AdaptiveAvgPool, AvgPool, ChannelMaxPool, MaxPool};
use super::reduce::{ArgMax, ChannelSum, Reduce, Reduction};
use super::resize::Resize;
use super::source::{Input, Parameter};

/// One primitive operation with its attributes. Inputs are listed in the order a node holds them.
///
/// Three floors: what users and layers write, [`Op::Gradient`] of what autodiff adds, and [`Op::Fused`] of what passes make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Data that each run brings along. No inputs.
    Input,
    /// Data that stays on the device. No inputs.
    Parameter,
    /// Cross-correlation: `x`, `filter`, and optionally `bias` (`1×1×1×Cout`).
    Conv2d(Conv2d),
    /// The adjoint of a convolution with respect to its input; used forward it is the transposed convolution: `y`,
    /// `filter` (of the forward convolution), and optionally `bias` over the result's channels.
    Conv2dGradInput(Conv2dGradInput),
    /// `(x - mean) / sqrt(var + eps) * scale + shift`: `x`, `mean`, `var`, then `scale` and `shift` if it has them.
    BatchNorm(BatchNorm),
    /// Biased variance of each channel over N, H, W around a given mean: `x`, `mean`. Two passes, so nothing cancels.
    ChannelVariance,
    /// `keep * running + take * batch`: `running`, `batch`, both of the same shape, or `batch` of two samples.
    RunningStat(RunningStat),
    /// Sum, mean or maximum over some of N, H, W: `x`.
    Reduce(Reduce),
    /// Maximum over a window: `x`. Padding never wins.
    MaxPool(MaxPool),
    /// Mean over a window: `x`.
    AvgPool(AvgPool),
    /// Mean over bins: bin `i` of `b` covers `floor(i*n/b) .. ceil((i+1)*n/b)`. `x`.
    AdaptiveAvgPool(AdaptiveAvgPool),
    /// Maximum over `window` consecutive channels, every `stride` channels: `x`.
    ChannelMaxPool(ChannelMaxPool),
    /// Nearest or bilinear interpolation: `x`.
    Resize(Resize),
    /// A function of each element: `x`.
    Unary(Unary),
    /// A function of two elements: `a`, `b`; sides of 1 broadcast.
    Binary(Binary),
    /// Repeats sides of 1 up to this shape: `x`.
    Broadcast(Broadcast),
    /// The same number everywhere. No inputs.
    Fill(Fill),
    /// Sum over channels: `x`. The result is `N×H×W×1`.
    ChannelSum,
    /// Softmax over channels: `x`.
    Softmax,
    /// Logarithm of the softmax over channels: `x`.
    LogSoftmax,
    /// Cross-entropy of each pixel: `logits`, `labels` (`N×H×W×1`, u32), and optionally one weight per class
    /// (`1×1×1×C`). The result is `N×H×W×1`.
    CrossEntropy(CrossEntropy),
    /// 1 in the channel that is the label, 0 elsewhere; all 0 for labels of `classes` and above, and for the ignored one:
    /// `labels` (`N×H×W×1`, u32). The result is `N×H×W×classes`, f32.
    OneHot(OneHot),
    /// The weight of each label, 1 without class weights; 0 for labels of `classes` and above, and for the ignored one:
    /// `labels` (`N×H×W×1`, u32), and optionally one weight per class (`1×1×1×classes`). The result is `N×H×W×1`, f32.
    LabelWeight(LabelWeight),
    /// Channel of the largest value, the lowest on a tie: `x`. The result is `N×H×W×1`, u32.
    ArgMax,
    /// Inputs one after the other along the channels; one or more.
    Concat,
    /// A box cut out of the tensor: `x`. Crops and channel slices are this.
    Slice(Slice),
    /// A tensor of zeros with a box filled in, the adjoint of [`Op::Slice`]: `x`, the box.
    Place(Place),
    /// Rows and columns added around the image: `x`.
    Pad(Pad),
    /// Mirrors rows and/or columns: `x`.
    Flip(Flip),
    /// The axes N, H, W, C in another order: `x`.
    Permute(Permute),
    /// Dropout: `x`, and in training a seed (`1×1×1×1`, u32), which each run brings along. Without a seed the identity.
    Dropout(Dropout),
    /// The identity, through which no gradient flows: `x`.
    StopGradient,
    /// The same numbers in this other type of float, rounded to the nearest: `x`, of any layout.
    Cast(Cast),
    /// An operation that the program has brought along.
    Custom(Custom),
    /// What autodiff adds.
    Gradient(Gradient),
    /// What passes make of several operations.
    Fused(Fused),
}

impl Op {
    /// The operation's name in prints and errors.
    pub fn name(&self) -> &'static str {
        self.definition().name()
    }

    /// Infers the result's type from the inputs' types.
    ///
    /// # Errors
    /// What the operation wanted and what it got, without the node's name.
    pub fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        definition::infer(self.definition(), inputs)
    }

    /// Whether an input may be stored in f16: kernels read it in either type. Such inputs of a node are all of one type, which is
    /// the result's too, unless that is a map or stays f32: reductions, statistics, gradients of parameters.
    pub fn stores(&self, input: usize) -> bool {
        self.definition().stores(input)
    }

    /// The definition of the operation, of any floor.
    pub(crate) fn definition(&self) -> &dyn Definition {
        match self.differentiable() {
            Ok(op) => op,
            Err(fused) => fused.definition(),
        }
    }

    /// The definition with the gradient, or what a pass has fused, which has none.
    pub(crate) fn differentiable(&self) -> Result<&dyn Differentiable, &Fused> {
        Ok(match self {
            Self::Input => &Input,
            Self::Parameter => &Parameter,
            Self::Conv2d(op) => op,
            Self::Conv2dGradInput(op) => op,
            Self::BatchNorm(op) => op,
            Self::ChannelVariance => &ChannelVariance,
            Self::RunningStat(op) => op,
            Self::Reduce(op) => op,
            Self::MaxPool(op) => op,
            Self::AvgPool(op) => op,
            Self::AdaptiveAvgPool(op) => op,
            Self::ChannelMaxPool(op) => op,
            Self::Resize(op) => op,
            Self::Unary(op) => op,
            Self::Binary(op) => op,
            Self::Broadcast(op) => op,
            Self::Fill(op) => op,
            Self::ChannelSum => &ChannelSum,
            Self::Softmax => &Softmax,
            Self::LogSoftmax => &LogSoftmax,
            Self::CrossEntropy(op) => op,
            Self::OneHot(op) => op,
            Self::LabelWeight(op) => op,
            Self::ArgMax => &ArgMax,
            Self::Concat => &Concat,
            Self::Slice(op) => op,
            Self::Place(op) => op,
            Self::Pad(op) => op,
            Self::Flip(op) => op,
            Self::Permute(op) => op,
            Self::Dropout(op) => op,
            Self::StopGradient => &StopGradient,
            Self::Cast(op) => op,
            Self::Custom(op) => op,
            Self::Gradient(op) => op.differentiable(),
            Self::Fused(fused) => return Err(fused),
        })
    }
}

impl Gradient {
    /// The definition with the gradient.
    fn differentiable(&self) -> &dyn Differentiable {
        match self {
            Self::Conv2dWeight(op) => op,
            Self::BatchNormSums(op) => op,
            Self::BatchNorm(op) => op,
            Self::MaxPoolIndices(op) => op,
            Self::MaxPool(op) => op,
            Self::AvgPool(op) => op,
            Self::AdaptiveAvgPool(op) => op,
            Self::ChannelMaxPool(op) => op,
            Self::Resize(op) => op,
            Self::Unary(op) => op,
            Self::Softmax => &SoftmaxGrad,
            Self::LogSoftmax => &LogSoftmaxGrad,
            Self::CrossEntropy(op) => op,
            Self::Pad(op) => op,
        }
    }
}

/// An operation that gradients flow back through, or stop at: all but those that passes make, which run after differentiation.
pub(crate) trait Differentiable: Definition {
    /// Adds the gradients with respect to the inputs to the tape, as far as they are wanted, from what arrives at the result.
    ///
    /// # Errors
    /// [`GraphError::Unsupported`] for a derivative that there is not.
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError>;

    /// Whether anything that arrives at the result can reach an input.
    fn passes_gradients(&self) -> bool {
        true
    }
}

/// A backward pass at one node of the graph.
pub(crate) trait Tape {
    /// The gradient that arrives at the node's result.
    fn dy(&self) -> NodeId;

    /// The node's inputs, as they are in the forward pass.
    fn inputs(&self) -> &[NodeId];

    /// Whether the graph has this node.
    fn has(&self, node: NodeId) -> bool;

    /// Type of a node's tensor.
    ///
    /// # Panics
    /// If the graph does not have the node.
    fn ty(&self, node: NodeId) -> TensorType;

    /// Whether a gradient with respect to this input is wanted. `false` if there is no such input.
    fn wants(&self, input: usize) -> bool;

    /// The value of an input, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    fn value(&mut self, input: usize) -> Result<NodeId, GraphError>;

    /// The node's result, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    fn result(&mut self) -> Result<NodeId, GraphError>;

    /// Adds a node of the backward pass. Its name is that of the forward node and `what`.
    ///
    /// # Errors
    /// As [`Graph::add`](crate::Graph::add).
    fn emit(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError>;

    /// Adds to the gradient with respect to an input.
    fn contribute(&mut self, input: usize, gradient: NodeId);

    /// That something at this node is not supported.
    fn unsupported(&self, reason: &str) -> GraphError;

    /// That something at this node contradicts itself.
    fn invalid(&self, reason: String) -> GraphError;
}

impl dyn Tape + '_ {
    /// Logical shape of a node's tensor.
    pub(crate) fn shape(&self, node: NodeId) -> Shape {
        self.ty(node).shape
    }

    /// Logical shape of an input.
    pub(crate) fn input_shape(&self, input: usize) -> Shape {
        self.shape(self.inputs()[input])
    }

    /// An operation of one input that is linear: its adjoint, applied to what arrives.
    pub(crate) fn linear(&mut self, adjoint: Op) -> Result<(), GraphError> {
        let dx = self.emit("grad", adjoint, &[self.dy()])?;
        self.contribute(0, dx);
        Ok(())
    }

    /// The adjoint of repeating sides of 1 of this shape: sums over the sides that were repeated.
    pub(crate) fn sum_to(&mut self, x: NodeId, shape: Shape) -> Result<NodeId, GraphError> {
        let have = self.shape(x);
        let mut sum = x;
        if have.c != shape.c {
            sum = self.emit("grad_unrepeated", Op::ChannelSum, &[sum])?;
        }
        let reduce =
            Reduce { reduction: Reduction::Sum, n: have.n != shape.n, h: have.h != shape.h, w: have.w != shape.w };
        if reduce.n || reduce.h || reduce.w {
            sum = self.emit("grad_unrepeated", Op::Reduce(reduce), &[sum])?;
        }
        Ok(sum)
    }
}
