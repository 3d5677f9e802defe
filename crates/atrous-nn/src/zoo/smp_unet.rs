//! U-Net on a ResNet encoder as segmentation-models-pytorch builds it (`smp.Unet`).

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, ResNetEncoder, check_multiple, smp};
use crate::init::LayerInit;
use crate::layers::Conv;
use crate::{Builder, Mode, Model, Naming};

/// `smp.Unet`: nearest up-sampling, concat of the up-sampled map and the skip, two 3×3 convolutions per level. Image sides
/// must be multiples of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmpUnet {
    /// The encoder.
    pub encoder: ResNetEncoder,
    /// Channels of the decoder's levels, deepest first.
    pub decoder_channels: [usize; 5],
    /// Classes.
    pub classes: usize,
}

impl SmpUnet {
    /// 21 classes and the default decoder.
    pub const fn new(encoder: ResNetEncoder) -> Self {
        Self { encoder, decoder_channels: [256, 128, 64, 32, 16], classes: 21 }
    }

    fn decoder(&self, b: &mut Builder, features: [NodeId; 5]) -> Result<NodeId, GraphError> {
        let [skips @ .., mut y] = features;
        b.label("center", y);
        let skips = skips.into_iter().rev().map(Some).chain([None]);
        for (i, (out, skip)) in self.decoder_channels.into_iter().zip(skips).enumerate() {
            y = b.module(&format!("blocks.{i}"), |b| level(b, y, skip, out))?;
        }
        Ok(y)
    }
}

impl Network for SmpUnet {
    fn info(&self) -> Info {
        smp::info(self.classes)
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        check_multiple(name, image, 32)?;
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let features = b.scope("encoder", |b| self.encoder.features(b, x))?;
        let y = b.initialized(LayerInit::SMP_DECODER, |b| b.module("decoder", |b| self.decoder(b, features)))?;
        let out = b.initialized(LayerInit::SMP_HEAD, |b| smp::head(b, y, Conv::new(self.classes, 3).padding(1), 1))?;
        Ok(b.finish(name, x, &[("out", out)]))
    }
}

/// One level of the decoder. smp's attention modules are there, but do nothing.
fn level(b: &mut Builder, x: NodeId, skip: Option<NodeId>, out: usize) -> Result<NodeId, GraphError> {
    let Shape { h, w, .. } = b.shape(x);
    let mut y = b.resize_nearest("upsample", x, [2 * h, 2 * w])?;
    if let Some(skip) = skip {
        y = b.concat("concat", &[y, skip])?;
        b.label("attention1.attention", y);
        b.label("attention1", y);
    }
    let y = smp::conv_relu(b, "conv1", y, Conv::new(out, 3).padding(1))?;
    let y = smp::conv_relu(b, "conv2", y, Conv::new(out, 3).padding(1))?;
    b.label("attention2.attention", y);
    b.label("attention2", y);
    Ok(y)
}
