//! DeepLabV3 (Chen et al., arXiv:1706.05587) and FCN (Long et al., arXiv:1411.4038) as torchvision builds them: ResNet
//! backbone at output stride 8, bilinear resize to the image's size.

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::aspp::{Aspp, norm_relu};
use super::{DilationRule, Info, Network, Preprocessing, ResNetEncoder, Task};
use crate::layers::Conv;
use crate::{Builder, Mode, Model, Naming};

/// What follows the backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationHead {
    /// ASPP at rates 12, 24, 36, then 3×3 and 1×1.
    DeepLabV3,
    /// 3×3 to a quarter of the channels, dropout 0.1, 1×1.
    Fcn,
}

/// `torchvision.models.segmentation.deeplabv3_resnet50` and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchvisionSegmentation {
    /// The backbone, of bottlenecks; its output stride and dilation rule are set by this network.
    pub encoder: ResNetEncoder,
    /// What follows it.
    pub head: SegmentationHead,
    /// A second head of FCN form on the third stage, which is a second output called `aux`.
    pub aux: bool,
    /// Classes.
    pub classes: usize,
}

impl TorchvisionSegmentation {
    /// 21 classes, with the second head.
    pub const fn new(encoder: ResNetEncoder, head: SegmentationHead) -> Self {
        Self { encoder, head, aux: true, classes: 21 }
    }

    fn classifier(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        if self.head == SegmentationHead::Fcn {
            return self.fcn(b, x);
        }
        let y = b.module("0", |b| Aspp { out: 256, rates: [12, 24, 36], separable: false }.add(b, x))?;
        let y = b.conv2d("1", y, Conv::new(256, 3).padding(1))?;
        let y = norm_relu(b, 2, y)?;
        b.conv2d("4", y, Conv::new(self.classes, 1).bias())
    }

    fn fcn(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let y = b.conv2d("0", x, Conv::new(b.shape(x).c / 4, 3).padding(1))?;
        let y = norm_relu(b, 1, y)?;
        let y = b.dropout("3", y, 0.1)?;
        b.conv2d("4", y, Conv::new(self.classes, 1).bias())
    }
}

impl Network for TorchvisionSegmentation {
    fn info(&self) -> Info {
        Info {
            task: Task::Segmentation,
            size: [520, 520],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::IMAGENET,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let encoder = self.encoder.dilated(8, DilationRule::FirstBlockKeeps);
        let size = [image.h, image.w];
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let features = b.scope("backbone", |b| encoder.features(b, x))?;
        let y = b.module("classifier", |b| self.classifier(b, features[4]))?;
        let out = b.resize_bilinear("out", y, size, Coordinates::HalfPixel)?;
        let mut outputs = vec![("out", out)];
        if self.aux {
            let y = b.module("aux_classifier", |b| self.fcn(b, features[3]))?;
            outputs.push(("aux", b.resize_bilinear("aux", y, size, Coordinates::HalfPixel)?));
        }
        Ok(b.finish(name, x, &outputs))
    }
}
