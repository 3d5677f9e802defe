//! PSPNet (Zhao et al., arXiv:1612.01105) on a ResNet encoder as segmentation-models-pytorch builds it (`smp.PSPNet`).

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, ResNetEncoder, check_multiple, smp};
use crate::init::LayerInit;
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Mode, Model, Naming};

/// Rows and columns of bins.
const BINS: [usize; 4] = [1, 2, 3, 6];

/// `smp.PSPNet` with an encoder cut off at stride 8; the encoder's last two stages are listed, but unused. Image sides must be
/// multiples of 8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmpPspNet {
    /// The encoder.
    pub encoder: ResNetEncoder,
    /// Channels after the pyramid.
    pub psp_out_channels: usize,
    /// Share of channels dropped in training.
    pub dropout: f32,
    /// Classes.
    pub classes: usize,
}

impl SmpPspNet {
    /// 21 classes, 512 channels, dropout 0.2.
    pub const fn new(encoder: ResNetEncoder) -> Self {
        Self { encoder, psp_out_channels: 512, dropout: 0.2, classes: 21 }
    }

    /// Stem and two stages; the others are noted as unused.
    fn encode(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let y = self.encoder.stem(b, x)?;
        let y = b.max_pool("maxpool", y, Pool::new(3, 2).padding(1))?;
        let y = self.encoder.stage(b, 1, y)?;
        let y = self.encoder.stage(b, 2, y)?;
        b.unused_layers(b.shape(y), |b, y| {
            let y = self.encoder.stage(b, 3, y)?;
            self.encoder.stage(b, 4, y)
        })?;
        Ok(y)
    }

    fn decoder(&self, b: &mut Builder, x: NodeId) -> Result<NodeId, GraphError> {
        let Shape { h, w, c, .. } = b.shape(x);
        let y = b.module("psp", |b| {
            let mut maps = Vec::new();
            for (i, bins) in BINS.into_iter().enumerate() {
                maps.push(b.module(&format!("blocks.{i}"), |b| {
                    let y = b.module("pool", |b| pyramid_level(b, x, bins, c / BINS.len()))?;
                    b.resize_bilinear("resize", y, [h, w], Coordinates::AlignCorners)
                })?);
            }
            maps.push(x);
            b.concat("concat", &maps)
        })?;
        let y = smp::conv_relu(b, "conv", y, Conv::new(self.psp_out_channels, 1))?;
        b.dropout("dropout", y, self.dropout)
    }
}

impl Network for SmpPspNet {
    fn info(&self) -> Info {
        smp::info(self.classes)
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        check_multiple(name, image, 8)?;
        let mut b = Builder::new(Naming::Torch, mode);
        let x = b.input("input", image)?;
        let y = b.scope("encoder", |b| self.encode(b, x))?;
        let y = b.initialized(LayerInit::SMP_DECODER, |b| b.module("decoder", |b| self.decoder(b, y)))?;
        let out = b.initialized(LayerInit::SMP_HEAD, |b| smp::head(b, y, Conv::new(self.classes, 3).padding(1), 8))?;
        Ok(b.finish(name, x, &[("out", out)]))
    }
}

/// Mean over `bins×bins` bins and a 1×1 convolution; with one bin it has a bias instead of batch normalisation.
fn pyramid_level(b: &mut Builder, x: NodeId, bins: usize, out: usize) -> Result<NodeId, GraphError> {
    let y = b.adaptive_avg_pool("0", x, bins, bins)?;
    b.module("1", |b| {
        let y = if bins == 1 {
            let y = b.conv2d("0", y, Conv::new(out, 1).bias())?;
            b.label("1", y);
            y
        } else {
            let y = b.conv2d("0", y, Conv::new(out, 1))?;
            b.batch_norm("1", y, Norm::TORCH)?
        };
        b.relu("2", y)
    })
}
