//! DeepLabV3+ as segmentation-models-pytorch builds it (`smp.DeepLabV3Plus`).

use std::sync::Arc;

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::aspp::{Aspp, norm_relu, separable};
use super::{check_multiple, deepest, dilated, invalid, smp};
use crate::layers::Conv;
use crate::{Builder, Built, DilationRule, Encoder, Feature, Info, Network};

/// `smp.DeepLabV3Plus`. Image sides must be multiples of the output stride.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{ResNetEncoder, SmpDeepLabV3Plus};
/// use atrous_nn::{Mode, Network};
///
/// let network = SmpDeepLabV3Plus { output_stride: 8, ..SmpDeepLabV3Plus::new(ResNetEncoder::RESNET50) };
/// let model = network.build("net", Shape::new(1, 256, 256, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 256, 256, 21));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmpDeepLabV3Plus {
    /// The encoder.
    pub encoder: Arc<dyn Encoder>,
    /// 16 or 8; encoders whose last stride is smaller keep their own.
    pub output_stride: usize,
    /// Channels of ASPP and decoder.
    pub decoder_channels: usize,
    /// Dilations of the ASPP; smp's default is 12, 24, 36 at either output stride.
    pub rates: [usize; 3],
    /// Number of classes.
    pub classes: usize,
}

impl SmpDeepLabV3Plus {
    /// 21 classes, output stride 16 and the default decoder.
    pub fn new(encoder: impl Encoder + 'static) -> Self {
        let encoder = Arc::new(encoder);
        Self { encoder, output_stride: 16, decoder_channels: 256, rates: [12, 24, 36], classes: 21 }
    }

    /// Joins the last map with the one of stride 4, or the finest before that if there is none.
    fn decoder(&self, b: &mut Builder, features: &[Feature]) -> Result<NodeId, GraphError> {
        let deep = deepest(b, features)?;
        let before = &features[..features.len() - 1];
        let low = before.iter().rfind(|f| f.stride <= 4).map_or(deep, |f| f.node);
        let out = self.decoder_channels;
        let y = b.module("aspp", |b| {
            let y = b.module("0", |b| Aspp { out, rates: self.rates, separable: true }.add(b, deep))?;
            let y = separable(b, "1", y, Conv::new(out, 3).padding(1))?;
            norm_relu(b, 2, y)
        })?;
        let Shape { h, w, .. } = b.shape(low);
        let y = b.resize_bilinear("up", y, [h, w], Coordinates::AlignCorners)?;
        let low = smp::conv_relu(b, "block1", low, Conv::new(48, 1))?;
        let y = b.concat("concat", &[y, low])?;
        b.module("block2", |b| {
            let y = separable(b, "0", y, Conv::new(out, 3).padding(1))?;
            norm_relu(b, 1, y)
        })
    }
}

impl Network for SmpDeepLabV3Plus {
    fn info(&self) -> Info {
        Info::segmentation(self.classes)
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..self.clone() }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        if ![8, 16].contains(&self.output_stride) {
            return Err(invalid(b, format!("the output stride must be 8 or 16, got {}", self.output_stride)));
        }
        let dilation = dilated(&*self.encoder, self.output_stride, DilationRule::WholeStage);
        check_multiple(b, b.shape(x), dilation.output_stride)?;
        let features = b.scope("encoder", |b| self.encoder.features(b, x, Some(dilation)))?;
        let y = b.module("decoder", |b| self.decoder(b, &features))?;
        let out = smp::head(b, y, Conv::new(self.classes, 1), x)?;
        Ok(Built::from(out).with_features(features))
    }
}
