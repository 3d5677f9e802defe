//! U-Net on a ResNet encoder as segmentation-models-pytorch builds it (`smp.Unet`).

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId, Shape};

use super::smp::{self, by_stride};
use super::{check_multiple, deepest, invalid, last_stride};
use crate::init::LayerInit;
use crate::layers::Conv;
use crate::{Builder, Built, Encoder, Feature, Info, Network};

/// `smp.Unet`: nearest up-sampling, concat of the up-sampled map and the skip, two 3×3 convolutions per level. Image sides
/// must be multiples of the encoder's last stride.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{KerasXception, SmpUnet};
/// use atrous_nn::{Mode, Network};
///
/// let network = SmpUnet { classes: 3, ..SmpUnet::new(KerasXception::default()) };
/// let model = network.build("cells", Shape::new(1, 256, 256, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 256, 256, 3));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmpUnet {
    /// The encoder, with at most five different strides. [`ResNetEncoder`](super::ResNetEncoder) has smp's `resnet18` to `resnet152`; the
    /// other encoders of the zoo are not in smp.
    pub encoder: Arc<dyn Encoder>,
    /// Channels of the decoder's levels of stride 16, 8, 4, 2 and 1, deepest first. An encoder of fewer strides uses the last.
    pub decoder_channels: [usize; 5],
    /// Number of classes.
    pub classes: usize,
}

impl SmpUnet {
    /// 21 classes and the default decoder.
    pub fn new(encoder: impl Encoder + 'static) -> Self {
        Self { encoder: Arc::new(encoder), decoder_channels: [256, 128, 64, 32, 16], classes: 21 }
    }

    /// One level for each map that is finer than the last, and one of the image's size.
    fn decoder(&self, b: &mut Builder, image: NodeId, features: &[Feature]) -> Result<NodeId, GraphError> {
        let mut y = deepest(b, features)?;
        b.label("center", y);
        let mut levels: Vec<(NodeId, bool)> = features.iter().rev().skip(1).map(|skip| (skip.node, true)).collect();
        if features[0].stride > 1 {
            levels.push((image, false));
        }
        let Some(unused) = self.decoder_channels.len().checked_sub(levels.len()) else {
            let reason = format!("the decoder has 5 levels at most, the encoder needs {}", levels.len());
            return Err(invalid(b, reason));
        };
        for (i, (out, level)) in self.decoder_channels[unused..].iter().zip(levels).enumerate() {
            y = b.module(&format!("blocks.{i}"), |b| up(b, y, level, *out))?;
        }
        Ok(y)
    }
}

impl Network for SmpUnet {
    fn info(&self) -> Info {
        Info::segmentation(self.classes)
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..self.clone() }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        check_multiple(b, b.shape(x), last_stride(&*self.encoder))?;
        let features = b.scope("encoder", |b| self.encoder.features(b, x, None))?;
        let maps = by_stride(&features);
        let y = b.initialized(LayerInit::SMP_DECODER, |b| b.module("decoder", |b| self.decoder(b, x, &maps)))?;
        let out = b.initialized(LayerInit::SMP_HEAD, |b| smp::head(b, y, Conv::new(self.classes, 3).padding(1), x))?;
        Ok(Built::from(out).with_features(features))
    }
}

/// One level of the decoder: `x` resized to the size of `map`, and concatenated with it if `skip` is set. smp's attention modules
/// exist as names, but compute nothing.
fn up(b: &mut Builder, x: NodeId, (map, skip): (NodeId, bool), out: usize) -> Result<NodeId, GraphError> {
    let Shape { h, w, .. } = b.shape(map);
    let mut y = b.resize_nearest("upsample", x, [h, w])?;
    if skip {
        y = b.concat("concat", &[y, map])?;
        b.label("attention1.attention", y);
        b.label("attention1", y);
    }
    let y = smp::conv_relu(b, "conv1", y, Conv::new(out, 3).padding(1))?;
    let y = smp::conv_relu(b, "conv2", y, Conv::new(out, 3).padding(1))?;
    b.label("attention2.attention", y);
    b.label("attention2", y);
    Ok(y)
}
