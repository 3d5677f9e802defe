//! DeepLabV3+ on the modified aligned Xception-65, as in the paper (Chen et al., arXiv:1802.02611) and TensorFlow's
//! `research/deeplab`.

use std::sync::Arc;

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::xception65::{Skip, XceptionBlock};
use super::{XceptionPlan, invalid};
use crate::layers::{Conv, Norm};
use crate::{Builder, Built, Info, Mode, Network, Normalize, Task};

/// The network of the paper. All resizing is bilinear with aligned corners; sides of `2^n*k + 1` pixels stay aligned.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{DeepLabXception65, XceptionPlan};
/// use atrous_nn::{Mode, Network};
///
/// let network = DeepLabXception65 { plan: XceptionPlan::new(8, 16), ..DeepLabXception65::default() };
/// let model = network.build("net", Shape::new(1, 257, 257, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 257, 257, 21));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DeepLabXception65 {
    /// Number of classes.
    pub classes: usize,
    /// The backbone's size.
    pub plan: XceptionPlan,
    /// Dilations of the 3×3 branches of the ASPP; `None` for 6, 12, 18 at output stride 16 and 12, 24, 36 at 8.
    pub rates: Option<Vec<usize>>,
    /// Whether low-level features are joined in a decoder.
    pub decoder: bool,
    /// Whether ASPP and decoder use separable convolutions.
    pub separable: bool,
    /// Share of elements that training drops after the projection of the ASPP; with 0 there is no dropout.
    pub dropout: f32,
    /// Share of the batch in new running statistics (PyTorch's meaning). TensorFlow's decay of 0.9997, for tens of thousands of
    /// steps from pretrained weights, is 0.0003; short trainings need PyTorch's 0.1.
    pub momentum: f64,
}

impl Default for DeepLabXception65 {
    /// 21 classes, output stride 16, 16 middle blocks, with decoder and separable convolutions, dropout 0.1, momentum 0.0003.
    fn default() -> Self {
        let plan = XceptionPlan::new(16, 16);
        Self { classes: 21, plan, rates: None, decoder: true, separable: true, dropout: 0.1, momentum: 0.0003 }
    }
}

impl DeepLabXception65 {
    /// A narrow network for training from scratch on images of 64 to 128 pixels: width 32, one middle block, output stride 8, rates
    /// 2, 4, 6, no dropout, momentum 0.1.
    pub fn small() -> Self {
        let plan = XceptionPlan { width: 32, ..XceptionPlan::new(8, 1) };
        Self { plan, rates: Some(vec![2, 4, 6]), dropout: 0.0, momentum: 0.1, ..Self::default() }
    }

    const fn backbone_norm(&self) -> Norm {
        Norm::torch(1e-3, self.momentum)
    }

    const fn head_norm(&self) -> Norm {
        Norm::torch(1e-5, self.momentum)
    }

    /// Channels of ASPP and decoder.
    const fn head_channels(&self) -> usize {
        self.plan.scaled(256)
    }

    fn rates(&self, b: &Builder) -> Result<Vec<usize>, GraphError> {
        match (&self.rates, self.plan.output_stride) {
            (Some(rates), _) => Ok(rates.clone()),
            (None, 16) => Ok(vec![6, 12, 18]),
            (None, 8) => Ok(vec![12, 24, 36]),
            (None, other) => Err(invalid(b, format!("output stride {other} has no default ASPP rates; name them"))),
        }
    }

    /// A 3×3 convolution of the ASPP or decoder: dense or separable.
    fn spatial(&self, b: &mut Builder, name: &str, x: NodeId, rate: usize) -> Result<NodeId, GraphError> {
        let (out, norm) = (self.head_channels(), self.head_norm());
        if self.separable {
            separable(b, name, x, out, Conv::depthwise(3).padding(rate).dilation(rate), true, norm)
        } else {
            conv_bn(b, name, x, Conv::new(out, 3).padding(rate).dilation(rate), true, norm)
        }
    }

    /// Atrous spatial pyramid pooling: the concat of image pooling, 1×1 and the atrous branches, projected to 256 channels
    /// (in proportion to the width), of which training drops elements.
    fn aspp(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let Shape { h, w, .. } = b.shape(x);
        let (point, norm) = (Conv::new(self.head_channels(), 1), self.head_norm());
        let pooled = b.global_avg_pool("image_mean", x)?;
        let pooled = conv_bn(b, "image_pooling", pooled, point, true, norm)?;
        let mut branches = vec![b.resize_bilinear("image_pooling_up", pooled, [h, w], Coordinates::AlignCorners)?];
        branches.push(conv_bn(b, "aspp0", x, point, true, norm)?);
        for (i, rate) in self.rates(b)?.into_iter().enumerate() {
            branches.push(self.spatial(b, &format!("aspp{}", i + 1), x, rate)?);
        }
        let y = b.concat("aspp_concat", &branches)?;
        let y = conv_bn(b, "concat_projection", y, point, true, norm)?;
        match b.mode() {
            Mode::Training if self.dropout != 0.0 => b.dropout("concat_projection_dropout", y, self.dropout),
            Mode::Training | Mode::Inference => Ok(y),
        }
    }

    /// The backbone's result, and the decoder's low-level feature: the second separable convolution of the second block.
    fn backbone(&self, b: &mut Builder, x: NodeId, blocks: &[XceptionBlock]) -> Result<(NodeId, NodeId), GraphError> {
        let norm = self.backbone_norm();
        let [first, second] = [32, 64].map(|channels| self.plan.scaled(channels));
        let y = conv_bn(b, "conv1_1", x, Conv::new(first, 3).stride(2).padding(1), true, norm)?;
        let mut y = conv_bn(b, "conv1_2", y, Conv::new(second, 3).padding(1), true, norm)?;
        let mut low = y;
        let exit = blocks.len() - 2;
        for (i, block) in blocks.iter().enumerate() {
            let name = match i {
                0..3 => format!("entry{}", i + 1),
                _ if i < exit => format!("middle{}", i - 2),
                _ => format!("exit{}", i + 1 - exit),
            };
            let decoded;
            (y, decoded) = b.scope(&name, |b| residual(b, y, *block, norm))?;
            b.label(&name, y);
            if i == 1 {
                low = decoded;
            }
        }
        Ok((y, low))
    }
}

impl Network for DeepLabXception65 {
    fn info(&self) -> Info {
        Info {
            task: Task::Segmentation,
            size: [513, 513],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            normalize: Normalize::Tf,
        }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..self.clone() }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let Shape { h, w, .. } = b.shape(x);
        let blocks = self.plan.blocks(b)?;
        let (y, low) = b.scope("xception_65", |b| self.backbone(b, x, &blocks))?;
        let mut y = self.aspp(b, y)?;
        if self.decoder {
            let Shape { h, w, .. } = b.shape(low);
            let up = b.resize_bilinear("decoder_up", y, [h, w], Coordinates::AlignCorners)?;
            let project = Conv::new(self.plan.scaled(48), 1);
            let low = conv_bn(b, "feature_projection0", low, project, true, self.head_norm())?;
            y = b.concat("decoder_concat", &[up, low])?;
            y = self.spatial(b, "decoder_conv0", y, 1)?;
            y = self.spatial(b, "decoder_conv1", y, 1)?;
        }
        let out = b.head(y, |b, y| {
            let y = b.conv2d("logits", y, Conv::new(self.classes, 1).bias())?;
            b.resize_bilinear("out", y, [h, w], Coordinates::AlignCorners)
        })?;
        Ok(out.into())
    }
}

/// A block's result and that of its second separable convolution.
fn residual(b: &mut Builder, x: NodeId, block: XceptionBlock, norm: Norm) -> Result<(NodeId, NodeId), GraphError> {
    let XceptionBlock { depths, skip, stride, rate } = block;
    let relu_inside = skip == Skip::None;
    let (mut y, mut second) = (x, x);
    for (i, out) in depths.into_iter().enumerate() {
        if !relu_inside {
            y = b.relu(&format!("relu{}", i + 1), y)?;
        }
        let depthwise = Conv::depthwise(3).stride(if i == 2 { stride } else { 1 }).padding(rate).dilation(rate);
        y = separable(b, &format!("separable_conv{}", i + 1), y, out, depthwise, relu_inside, norm)?;
        if i == 1 {
            second = y;
        }
    }
    let y = match skip {
        Skip::Conv => {
            let conv = Conv::new(depths[2], 1).stride(stride);
            let shortcut = conv_bn(b, "shortcut", x, conv, false, norm)?;
            b.sum("add", y, shortcut)?
        }
        Skip::Identity => b.sum("add", y, x)?,
        Skip::None => y,
    };
    Ok((y, second))
}

/// The module `name`: convolution `conv`, batch normalisation `bn`, and a ReLU if asked for.
fn conv_bn(b: &mut Builder, name: &str, x: NodeId, conv: Conv, relu: bool, norm: Norm) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.conv2d("conv", x, conv)?;
        bn_relu(b, y, relu, norm)
    })
}

fn bn_relu(b: &mut Builder, x: NodeId, relu: bool, norm: Norm) -> Result<NodeId, GraphError> {
    let y = b.batch_norm("bn", x, norm)?;
    if relu { b.relu("relu", y) } else { Ok(y) }
}

/// The module `name`: `depthwise` and a pointwise convolution to `out` channels, each with batch normalisation and, if
/// asked for, a ReLU.
fn separable(
    b: &mut Builder,
    name: &str,
    x: NodeId,
    out: usize,
    depthwise: Conv,
    relu: bool,
    norm: Norm,
) -> Result<NodeId, GraphError> {
    b.module(name, |b| {
        let y = b.module("depthwise", |b| {
            let y = b.depthwise("conv", x, 1, depthwise)?;
            bn_relu(b, y, relu, norm)
        })?;
        conv_bn(b, "pointwise", y, Conv::new(out, 1), relu, norm)
    })
}
