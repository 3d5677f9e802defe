//! PSPNet (Zhao et al., arXiv:1612.01105) as segmentation-models-pytorch builds it (`smp.PSPNet`).

use std::sync::Arc;

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::{check_multiple, deepest, last_stride, smp};
use crate::init::LayerInit;
use crate::layers::{Conv, Norm};
use crate::{Builder, Built, Encoder, Info, Network};

/// Stride of the last encoder stage that is used.
const STRIDE: usize = 8;
/// Rows and columns of bins.
const BINS: [usize; 4] = [1, 2, 3, 6];

/// `smp.PSPNet` with an encoder cut off at stride 8; the parameters of the encoder's other stages are listed as
/// unused. Image sides must be
/// multiples of 8, or of the encoder's last stride if that is smaller.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{SmpPspNet, Xception65};
/// use atrous_nn::{Mode, Network};
///
/// let network = SmpPspNet { classes: 2, ..SmpPspNet::new(Xception65::default()) };
/// let model = network.build("net", Shape::new(1, 256, 256, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 256, 256, 2));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SmpPspNet {
    /// The encoder.
    pub encoder: Arc<dyn Encoder>,
    /// Channels after the pyramid.
    pub psp_out_channels: usize,
    /// Share of channels that training drops, as a whole (`nn.Dropout2d`).
    pub dropout: f32,
    /// Number of classes.
    pub classes: usize,
}

impl SmpPspNet {
    /// 21 classes, 512 channels, dropout 0.2.
    pub fn new(encoder: impl Encoder + 'static) -> Self {
        let encoder = Arc::new(encoder);
        Self { encoder, psp_out_channels: 512, dropout: 0.2, classes: 21 }
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
        b.dropout_channels("dropout", y, self.dropout)
    }
}

impl Network for SmpPspNet {
    fn info(&self) -> Info {
        Info::segmentation(self.classes)
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..self.clone() }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        check_multiple(b, b.shape(x), STRIDE.min(last_stride(&*self.encoder)))?;
        let features = b.scope("encoder", |b| self.encoder.features_until(b, x, STRIDE))?;
        let y = deepest(b, &features)?;
        let y = b.initialized(LayerInit::SMP_DECODER, |b| b.module("decoder", |b| self.decoder(b, y)))?;
        let out = b.initialized(LayerInit::SMP_HEAD, |b| smp::head(b, y, Conv::new(self.classes, 3).padding(1), x))?;
        Ok(Built::from(out).with_features(features))
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
