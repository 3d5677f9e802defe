//! DeepLabV3 (Chen et al., arXiv:1706.05587) and FCN (Long et al., arXiv:1411.4038) as torchvision builds them: backbone
//! at output stride 8, bilinear resize to the image's size.

use std::sync::Arc;

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::aspp::{Aspp, norm_relu};
use super::{deepest, dilated};
use crate::layers::Conv;
use crate::{Builder, Built, Encoder, Info, Network};

/// The head of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationHead {
    /// ASPP at rates 12, 24, 36, then 3×3 and 1×1.
    DeepLabV3,
    /// 3×3 to a quarter of the channels, dropout 0.1, 1×1.
    Fcn,
}

/// The networks of `torchvision.models.segmentation`, such as `deeplabv3_resnet50`.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{ResNetEncoder, SegmentationHead, TorchvisionSegmentation};
/// use atrous_nn::{Mode, Network};
///
/// let network = TorchvisionSegmentation::new(ResNetEncoder::RESNET50, SegmentationHead::Fcn);
/// let model = network.build("net", Shape::new(1, 256, 256, 3), Mode::Inference)?;
/// assert_eq!(model.outputs[1].name, "aux");
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TorchvisionSegmentation {
    /// The backbone; it is dilated to output stride 8 by its own rule.
    pub encoder: Arc<dyn Encoder>,
    /// The head on the backbone's last stage.
    pub head: SegmentationHead,
    /// Whether there is a second head like FCN's on the second last stage, whose result is a second output called `aux`.
    pub aux: bool,
    /// Number of classes.
    pub classes: usize,
}

impl TorchvisionSegmentation {
    /// 21 classes, with the second head.
    pub fn new(encoder: impl Encoder + 'static, head: SegmentationHead) -> Self {
        Self { encoder: Arc::new(encoder), head, aux: true, classes: 21 }
    }

    fn classifier(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        if self.head == SegmentationHead::Fcn {
            return self.fcn(b, x);
        }
        let y = b.module("0", |b| Aspp { out: 256, rates: [12, 24, 36], separable: false }.add(b, x))?;
        let y = b.conv2d("1", y, Conv::new(256, 3).padding(1))?;
        let y = norm_relu(b, 2, y)?;
        self.to_classes(b, y)
    }

    fn to_classes(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        b.head(x, |b, x| b.conv2d("4", x, Conv::new(self.classes, 1).bias()))
    }

    fn fcn(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let y = b.conv2d("0", x, Conv::new(b.shape(x).c / 4, 3).padding(1))?;
        let y = norm_relu(b, 1, y)?;
        let y = b.dropout("3", y, 0.1)?;
        self.to_classes(b, y)
    }
}

impl Network for TorchvisionSegmentation {
    fn info(&self) -> Info {
        Info { size: [520, 520], ..Info::segmentation(self.classes) }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..self.clone() }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let dilation = dilated(&*self.encoder, 8, self.encoder.rule());
        let features = b.scope("backbone", |b| self.encoder.features(b, x, Some(dilation)))?;
        let y = deepest(b, &features)?;
        let y = b.module("classifier", |b| self.classifier(b, y))?;
        let mut built = Built::from(to_size(b, "out", y, x)?);
        if self.aux {
            let last_but_one = features[features.len().saturating_sub(2)].node;
            let y = b.module("aux_classifier", |b| self.fcn(b, last_but_one))?;
            built = built.and("aux", to_size(b, "aux", y, x)?);
        }
        Ok(built.with_features(features))
    }
}

/// Logits at the image's size.
fn to_size(b: &mut Builder, name: &str, y: NodeId, image: NodeId) -> Result<NodeId, GraphError> {
    let Shape { h, w, .. } = b.shape(image);
    b.head(y, |b, y| b.resize_bilinear(name, y, [h, w], Coordinates::HalfPixel))
}
