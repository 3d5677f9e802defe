//! The enumeration of all operations, and the traits of gradient rules, which are made of operations.

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
/// There are three levels: what users and layers write, [`Op::Gradient`] of what autodiff adds, and [`Op::Fused`] of
/// what passes make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Data that each run supplies. No inputs.
    Input,
    /// Data that stays on the device between runs. No inputs.
    Parameter,
    /// Cross-correlation: `x`, `filter`, and optionally `bias` (`1×1×1×Cout`).
    Conv2d(Conv2d),
    /// The adjoint of a convolution with respect to its input, which is the transposed convolution: `y`, `filter` (of
    /// the forward convolution), and optionally `bias` over the result's channels.
    Conv2dGradInput(Conv2dGradInput),
    /// `(x - mean) / sqrt(var + eps) * scale + shift`: `x`, `mean`, `var`, then `scale` and `shift` if it has them.
    BatchNorm(BatchNorm),
    /// Biased variance of each channel over N, H, W around a given mean: `x`, `mean`.
    ChannelVariance,
    /// `keep * running + take * batch`: `running`, `batch`. Both have the same shape, or `batch` has two samples, one
    /// of which is used.
    RunningStat(RunningStat),
    /// Sum, mean or maximum over some of N, H, W: `x`.
    Reduce(Reduce),
    /// Maximum over a window: `x`. Padding is ignored.
    MaxPool(MaxPool),
    /// Mean over a window: `x`.
    AvgPool(AvgPool),
    /// Mean over bins: bin `i` of `b` along a side of `n` pixels covers `floor(i*n/b) .. ceil((i+1)*n/b)`. `x`.
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
    /// A tensor with the same value everywhere. No inputs.
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
    /// 1 in the channel of the label, 0 in the others; all 0 for the ignored label and for labels of `classes` and
    /// above: `labels` (`N×H×W×1`, u32). The result is `N×H×W×classes`, f32.
    OneHot(OneHot),
    /// The class weight of each label, or 1 without class weights; 0 for the ignored label and for labels of `classes`
    /// and above: `labels` (`N×H×W×1`, u32), and optionally one weight per class (`1×1×1×classes`). The result is
    /// `N×H×W×1`, f32.
    LabelWeight(LabelWeight),
    /// Channel of the largest value, the lowest on a tie: `x`. The result is `N×H×W×1`, u32.
    ArgMax,
    /// Concatenation of one or more inputs along the channels.
    Concat,
    /// A box cut out of the tensor, such as a crop or a range of channels: `x`.
    Slice(Slice),
    /// A tensor of zeros with a box filled in, the adjoint of [`Op::Slice`]: `x`, the box.
    Place(Place),
    /// Rows and columns added around the image: `x`.
    Pad(Pad),
    /// Mirrors rows and/or columns: `x`.
    Flip(Flip),
    /// The axes N, H, W, C in another order: `x`.
    Permute(Permute),
    /// Dropout: `x`, and in training a seed (`1×1×1×1`, u32), which each run supplies. The identity without a seed.
    Dropout(Dropout),
    /// The identity, through which no gradient flows: `x`.
    StopGradient,
    /// The same numbers in another float type, rounded to the nearest: `x`, of any layout.
    Cast(Cast),
    /// An operation defined by the program.
    Custom(Custom),
    /// An operation that autodiff adds.
    Gradient(Gradient),
    /// Several operations that a pass has merged.
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
    /// What the operation expects and what it got, without the node's name.
    pub fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        definition::infer(self.definition(), inputs)
    }

    /// Whether an input may be stored in f16, so that kernels read f32 and f16. All such inputs of a node have the same
    /// type. The result has it too, unless it is a map or stays f32: reductions, statistics, gradients of parameters.
    pub fn stores(&self, input: usize) -> bool {
        self.definition().stores(input)
    }

    /// The definition of the operation, of any level.
    pub(crate) fn definition(&self) -> &dyn Definition {
        match self.differentiable() {
            Ok(op) => op,
            Err(fused) => fused.definition(),
        }
    }

    /// The operation with its gradient, or as an error the fused operation, which has none.
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
    /// The operation with its gradient.
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

/// An operation that gradients pass through or stop at: all except fused operations, which passes make after
/// differentiation.
pub(crate) trait Differentiable: Definition {
    /// Adds the wanted gradients with respect to the inputs to the tape, computed from the gradient of the result.
    ///
    /// # Errors
    /// [`GraphError::Unsupported`] for a derivative that is not implemented.
    fn gradient(&self, tape: &mut dyn Tape) -> Result<(), GraphError>;

    /// Whether the gradient of the result can reach an input.
    fn passes_gradients(&self) -> bool {
        true
    }
}

/// The backward pass at one node of the graph, as a gradient rule sees it.
pub(crate) trait Tape {
    /// The gradient of the node's result.
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

    /// Adds a node of the backward pass. Its name is `<forward node>.<what>`.
    ///
    /// # Errors
    /// As [`Graph::add`](crate::Graph::add).
    fn emit(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError>;

    /// Adds `gradient` to the gradient with respect to an input.
    fn contribute(&mut self, input: usize, gradient: NodeId);

    /// The error that something at this node, named by `reason`, is not supported.
    fn unsupported(&self, reason: &str) -> GraphError;

    /// The error that something at this node is invalid.
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

    /// The gradient of a linear operation of one input: its adjoint, applied to the gradient of the result.
    pub(crate) fn linear(&mut self, adjoint: Op) -> Result<(), GraphError> {
        let dx = self.emit("grad", adjoint, &[self.dy()])?;
        self.contribute(0, dx);
        Ok(())
    }

    /// The adjoint of broadcasting a tensor of this shape: sums `x` over the sides that were repeated.
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
