//! The way from a node to its family of kernels.

use atrous_graph::op::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, BatchNormGradSums, ChannelMaxPoolGrad, CrossEntropyGrad, Fill, Flip, Fused,
    FusedBatchNorm, FusedBatchNormGradSums, Gradient, LabelWeight, MaxPool, MaxPoolIndices, OneHot, ResizeArgMax,
    ResizeCrossEntropyGrad, UnaryGrad,
};
use atrous_graph::{NodeId, Op, TensorType};

use crate::{NodePlan, Target, conv, custom, dropout, label, movement, norm, pointwise, pool, reduce, resize, split};

/// The part of a tensor that one kernel call works on: consecutive samples, or consecutive rows of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What lies in the bound window: the part as a tensor of its own. Kernels take sizes and strides from here.
    pub ty: TensorType,
    /// Where the part begins in the bound window, in vec4s: the kernel's `…_BASE` override.
    pub base: u32,
    /// The whole tensor. Only operations whose result depends on absolute positions look at it.
    pub full: TensorType,
    /// The part's first sample in the whole tensor.
    pub first_sample: usize,
    /// The part's first row in the whole tensor.
    pub first_row: usize,
    /// Vec4s from one pixel to the next: more than the channels take where the tensor is a range of the channels of a wider one,
    /// which the window shows then.
    pub stride: u32,
    /// Nothing reads the tensor after this node, and no other input is the same: the result may take its place.
    pub dies: bool,
    /// Of a result: its statistics over all pixels are read, so a kernel may [measure](NodePlan::strips) what it stores.
    pub measured: bool,
}

impl Part {
    /// A whole tensor.
    pub const fn whole(ty: TensorType) -> Self {
        Self {
            ty,
            base: 0,
            full: ty,
            first_sample: 0,
            first_row: 0,
            stride: Self::dense(ty),
            dies: false,
            measured: false,
        }
    }

    /// Whether the tensor is a range of the channels of a wider one.
    pub const fn is_slice(&self) -> bool {
        self.stride != Self::dense(self.ty)
    }

    /// Bytes of the window: of the wider tensor, if there is one.
    pub const fn bytes(&self) -> u64 {
        self.ty.bytes() / Self::dense(self.ty) as u64 * self.stride as u64
    }

    /// Vec4s from one pixel to the next where nothing lies between them; 1 where there are no channels.
    const fn dense(ty: TensorType) -> u32 {
        let c4 = ty.padded().c / 4;
        if c4 == 0 { 1 } else { c4 as u32 }
    }
}

/// What a family is asked to plan.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The operation; its padding is that of the part.
    pub op: &'a Op,
    /// The inputs, or the parts of them that are read.
    pub inputs: &'a [Part],
    /// The result, or the part of it that is made.
    pub output: Part,
    /// The adapter to plan for.
    pub target: &'a Target,
}

/// Why an operation cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Something is larger than the adapter allows, however it is split.
    #[error("needs {needs} {what}, the adapter allows {limit}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// How much is needed.
        needs: u64,
        /// How much the adapter allows.
        limit: u64,
    },
    /// A filter that no cut along its output channels makes small enough.
    #[error("has {bytes} bytes, and any four output channels {needs} in one binding, the adapter allows {limit}")]
    Uncut {
        /// Bytes of the whole filter.
        bytes: u64,
        /// Bytes of four output channels, the fewest that a piece has.
        needs: u64,
        /// Bytes that the adapter allows in one binding.
        limit: u64,
    },
    /// Any of these errors, of a node of a graph.
    #[error("{op} \"{node}\": {source}")]
    Node {
        /// The operation's name.
        op: &'static str,
        /// The node's name.
        node: String,
        /// The error of its operation.
        source: Box<PlanError>,
    },
    /// A custom operation gives no kernel for these tensors.
    #[error("it gives no kernel: {0}")]
    Custom(String),
    /// No kernel does what is asked.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// An output, a total or a loss that the graph does not have.
    #[error("{what} %{} is not a node of the graph, which has {nodes}", node.0)]
    UnknownNode {
        /// What the node was to be: `output` or `total`.
        what: &'static str,
        /// The node asked for.
        node: NodeId,
        /// Number of nodes.
        nodes: usize,
    },
    /// What cannot be summed from run to run.
    #[error("{0}")]
    Totals(String),
    /// A training step that does not fit its graph.
    #[error("training: {0}")]
    Training(String),
    /// A plan that breaks its own rules: a bug of atrous.
    #[error("the plan is inconsistent (a bug of atrous): {0}")]
    Inconsistent(String),
}

/// Plans one operation, splitting it where a tensor passes the adapter's binding limit. What the target's
/// [`Choices`](crate::Choices) say of the operation is followed if it is possible.
///
/// # Errors
/// [`PlanError::Limit`] if a part as small as one row is still too large, [`PlanError::Unsupported`] if no kernel admits it.
pub fn plan_node(op: &Op, inputs: &[TensorType], output: TensorType, target: &Target) -> Result<NodePlan, PlanError> {
    let inputs: Vec<Part> = inputs.iter().copied().map(Part::whole).collect();
    plan_parts(op, &inputs, Part::whole(output), target)
}

/// [`plan_node`] for tensors that may lie in wider ones, or die here.
pub(crate) fn plan_parts(op: &Op, inputs: &[Part], output: Part, target: &Target) -> Result<NodePlan, PlanError> {
    let chosen = target.choice(op, inputs.iter().map(|part| part.ty), output.ty).and_then(|choice| {
        let plan = split::plan(op, inputs, output, &target.with(choice)).ok()?;
        (plan.choice() == choice).then_some(plan)
    });
    chosen.map_or_else(|| split::plan(op, inputs, output, target), Ok)
}

/// Names of the variants that may serve an operation, best first; empty where there is nothing to choose.
pub const fn variants(op: &Op) -> &'static [&'static str] {
    match op {
        Op::Conv2d(_) => conv::CONV2D_VARIANTS,
        Op::Conv2dGradInput(_) => conv::GRAD_INPUT_VARIANTS,
        Op::Fused(Fused::Conv(fused)) => variants(&fused.conv.op()),
        Op::Gradient(Gradient::Conv2dWeight(_)) => conv::GRAD_WEIGHT_VARIANTS,
        Op::Binary(_) => &["binary_equal", "binary_channel", "binary_broadcast"],
        Op::Reduce(_)
        | Op::Fused(Fused::BatchStatistics)
        | Op::ChannelVariance
        | Op::Gradient(Gradient::BatchNormSums(_))
        | Op::Fused(Fused::BatchNormGradSums(_)) => &["single_stage", "two_stage_workgroup", "two_stage"],
        Op::Resize(_)
        | Op::Fused(Fused::ArgMax(_))
        | Op::Gradient(Gradient::Resize(_))
        | Op::AdaptiveAvgPool(_)
        | Op::Gradient(Gradient::AdaptiveAvgPool(_) | Gradient::AvgPool(_) | Gradient::Pad(_)) => {
            &["nearest", "two_taps", "taps"]
        }
        Op::Input
        | Op::Parameter
        | Op::BatchNorm(_)
        | Op::Gradient(Gradient::BatchNorm(_))
        | Op::Fused(Fused::BatchNorm(_) | Fused::BatchNormGrad(_))
        | Op::RunningStat(_)
        | Op::MaxPool(_)
        | Op::Gradient(Gradient::MaxPoolIndices(_) | Gradient::MaxPool(_))
        | Op::AvgPool(_)
        | Op::ChannelMaxPool(_)
        | Op::Gradient(Gradient::ChannelMaxPool(_))
        | Op::Unary(_)
        | Op::Gradient(Gradient::Unary(_))
        | Op::Fused(Fused::Chain(_))
        | Op::Broadcast(_)
        | Op::Fill(_)
        | Op::ChannelSum
        | Op::Softmax
        | Op::Gradient(Gradient::Softmax)
        | Op::LogSoftmax
        | Op::Gradient(Gradient::LogSoftmax)
        | Op::CrossEntropy(_)
        | Op::Gradient(Gradient::CrossEntropy(_))
        | Op::Fused(Fused::CrossEntropy(_) | Fused::CrossEntropyGrad(_))
        | Op::OneHot(_)
        | Op::LabelWeight(_)
        | Op::ArgMax
        | Op::Concat
        | Op::Slice(_)
        | Op::Place(_)
        | Op::Pad(_)
        | Op::Flip(_)
        | Op::Dropout(_)
        | Op::StopGradient
        | Op::Cast(_)
        | Op::Custom(_) => &[],
    }
}

/// Plans one part with the operation's family.
///
/// # Errors
/// As [`plan_node`].
pub fn plan_part(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    match problem.op {
        Op::Input | Op::Parameter | Op::StopGradient => Ok(alias()),
        Op::Dropout(_) if problem.inputs.len() == 1 => Ok(alias()),
        Op::Dropout(op) => dropout::plan_dropout(op, problem),
        Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::Fused(Fused::Conv(_)) => conv::plan_conv(problem),
        Op::Gradient(Gradient::Conv2dWeight(op)) => conv::plan_grad_weight(op, problem),
        Op::BatchNorm(norm) => {
            norm::plan_batch_norm(&FusedBatchNorm { norm: *norm, residual: false, activation: None }, problem)
        }
        Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps })) => norm::plan_grad_sums(*eps, None, problem),
        Op::Gradient(Gradient::BatchNorm(op)) => norm::plan_grad(op, problem),
        Op::Fused(Fused::BatchNorm(op)) => norm::plan_batch_norm(op, problem),
        Op::Fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(op))) => {
            norm::plan_grad_sums(op.eps, Some(op.activation), problem)
        }
        Op::Fused(Fused::BatchNormGrad(op)) => norm::plan_fused_grad(op, problem),
        Op::Fused(Fused::BatchStatistics) => norm::plan_statistics(problem),
        Op::ChannelVariance => reduce::plan_variance(problem),
        Op::RunningStat(op) => norm::plan_running_stat(op, problem),
        Op::Reduce(op) => reduce::plan_reduce(op, problem),
        Op::MaxPool(MaxPool { window: op }) => pool::plan_max(op, problem),
        Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: op })) => pool::plan_max_indices(op, problem),
        Op::Gradient(Gradient::MaxPool(op)) => pool::plan_max_grad(op, problem),
        Op::AvgPool(op) => pool::plan_avg(op, problem),
        Op::Gradient(Gradient::AvgPool(op)) => resize::plan_avg_grad(op, problem),
        Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }) => resize::plan_adaptive(*h, *w, problem),
        Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h, w })) => {
            resize::plan_adaptive_grad(*h, *w, problem)
        }
        Op::ChannelMaxPool(op) => pool::plan_channel_max(op, problem),
        Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(op))) => pool::plan_channel_max_grad(op, problem),
        Op::Resize(op) => resize::plan_resize(op, problem),
        Op::Fused(Fused::ArgMax(ResizeArgMax(op))) => resize::plan_argmax(op, problem),
        Op::Gradient(Gradient::Resize(op)) => resize::plan_resize_grad(op, problem),
        Op::Cast(_) => pointwise::plan_cast(problem),
        Op::Custom(op) => custom::plan(op, problem),
        Op::Unary(op) => pointwise::plan_unary(op, problem),
        Op::Gradient(Gradient::Unary(UnaryGrad(op))) => pointwise::plan_unary_grad(op, problem),
        Op::Binary(op) => pointwise::plan_binary(op, problem),
        Op::Fused(Fused::Chain(op)) => pointwise::plan_chain(op, problem),
        Op::Softmax => pointwise::plan_softmax(false, problem),
        Op::LogSoftmax => pointwise::plan_softmax(true, problem),
        Op::Gradient(Gradient::Softmax) => pointwise::plan_softmax_grad(false, problem),
        Op::Gradient(Gradient::LogSoftmax) => pointwise::plan_softmax_grad(true, problem),
        Op::CrossEntropy(op) => label::plan_cross_entropy(op, problem),
        Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))) => label::plan_cross_entropy_grad(op, problem),
        Op::Fused(Fused::CrossEntropy(op)) => resize::plan_cross_entropy(op, problem),
        Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))) => resize::plan_cross_entropy_grad(op, problem),
        Op::OneHot(OneHot { ignore, .. }) => label::plan_one_hot(*ignore, problem),
        Op::LabelWeight(LabelWeight { classes, ignore }) => label::plan_weight(*classes, *ignore, problem),
        Op::ArgMax => pointwise::plan_argmax(problem),
        Op::Broadcast(_) => movement::plan_broadcast(problem),
        Op::Fill(Fill { value, .. }) => movement::plan_fill(*value, problem),
        Op::ChannelSum => reduce::plan_channel_sum(problem),
        Op::Place(op) => movement::plan_place(op, problem),
        Op::Gradient(Gradient::Pad(op)) => resize::plan_pad_grad(op, problem),
        Op::Concat => movement::plan_concat(problem),
        Op::Slice(op) => movement::plan_slice(op, problem),
        Op::Pad(op) => movement::plan_pad(op, problem),
        Op::Flip(Flip { vertical, horizontal }) => movement::plan_flip(*vertical, *horizontal, problem),
    }
}

/// The result is the first input itself.
fn alias() -> NodePlan {
    NodePlan { variant: "alias", ..NodePlan::default() }
}
