//! DeepLabV3+ on a ResNet encoder as segmentation-models-pytorch builds it (`smp.DeepLabV3Plus`).

use atrous_graph::{GraphError, NodeId, Shape};

use super::aspp::{Aspp, norm_relu, separable};
use super::{DilationRule, Info, Network, ResNetEncoder, check_multiple, invalid, smp};
use crate::layers::Conv;
use crate::{Builder, Mode, Model, Naming};

/// `smp.DeepLabV3Plus`. Image sides must be multiples of the output stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmpDeepLabV3Plus {
    /// The encoder; its output stride and dilation rule are set by this network.
    pub encoder: ResNetEncoder,
    /// 16 or 8.
    pub output_stride: usize,
    /// Channels of ASPP and decoder.
    pub decoder_channels: usize,
    /// Dilations of the ASPP; smp's default is 12, 24, 36 at either output stride.
    pub rates: [usize; 3],
    /// Classes.
    pub classes: usize,
}

impl SmpDeepLabV3Plus {
    /// 21 classes, output stride 16 and the default decoder.
    pub const fn new(encoder: ResNetEncoder) -> Self {
        Self { encoder, output_stride: 16, decoder_channels: 256, rates: [12, 24, 36], classes: 21 }
    }

    fn decoder(&self, b: &mut Builder, low: NodeId, deep: NodeId) -> Result<NodeId, GraphError> {
        let out = self.decoder_channels;
        let y = b.module("aspp", |b| {
            let y = b.module("0", |b| Aspp { out, rates: self.rates, separable: true }.add(b, deep))?;
            let y = separable(b, "1", y, Conv::new(out, 3).padding(1))?;
            norm_relu(b, 2, y)
        })?;
        let y = smp::upsample(b, "up", y, self.output_stride / 4)?;
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
        smp::info(self.classes)
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        if ![8, 16].contains(&self.output_stride) {
            return Err(invalid(name, format!("the output stride must be 8 or 16, got {}", self.output_stride)));
        }
        check_multiple(name, image, self.output_stride)?;
        let encoder = self.encoder.dilated(self.output_stride, DilationRule::WholeStage);
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let features = b.scope("encoder", |b| encoder.features(b, x))?;
        let y = b.module("decoder", |b| self.decoder(b, features[1], features[4]))?;
        let out = smp::head(&mut b, y, Conv::new(self.classes, 1), 4)?;
        Ok(b.finish(name, x, &[("out", out)]))
    }
}
