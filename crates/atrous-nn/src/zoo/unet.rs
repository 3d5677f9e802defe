//! U-Net (Ronneberger et al., arXiv:1505.04597), as published and in its common padded form.

use std::sync::Arc;

use atrous_graph::op::Coordinates;
use atrous_graph::{GraphError, NodeId, Shape};

use super::{check_multiple, invalid};
use crate::layers::{Conv, ConvTranspose, Norm, Pool};
use crate::{Builder, Built, Feature, Info, Network, Normalize, Task};

/// How the decoder doubles the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpSampling {
    /// A 2×2 transposed convolution of stride 2.
    Transposed,
    /// Bilinear interpolation (half-pixel) and a 1×1 convolution.
    Bilinear,
}

/// A U-Net. Each level has two 3×3 convolutions with ReLU; widths double downwards.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::{UNet, UpSampling};
/// use atrous_nn::{Mode, Network};
///
/// let network = UNet { classes: 3, base: 32, up: UpSampling::Bilinear, ..UNet::PADDED };
/// let model = network.build("net", Shape::new(1, 256, 256, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 256, 256, 3));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UNet {
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first level.
    pub base: usize,
    /// How often the size is halved.
    pub depth: usize,
    /// Whether a batch normalisation follows each 3×3 convolution, which then has no bias.
    pub norm: bool,
    /// Whether convolutions are padded, so that they keep the size. Without padding the result is smaller than the image and skips are
    /// cropped.
    pub padded: bool,
    /// How the decoder doubles the size.
    pub up: UpSampling,
}

impl UNet {
    /// The common form: padded, batch normalisation, 21 classes.
    pub const PADDED: Self =
        Self { classes: 21, base: 64, depth: 4, norm: true, padded: true, up: UpSampling::Transposed };
    /// The paper's form: no padding, no normalisation, 2 classes; 572×572 in, 388×388 out.
    pub const VALID: Self =
        Self { classes: 2, base: 64, depth: 4, norm: false, padded: false, up: UpSampling::Transposed };

    /// The padded form with few channels, for small images and quick trainings: 16 in the first level, 256 at the bottom.
    pub const SMALL: Self = Self { base: 16, ..Self::PADDED };

    /// Height (or width) of the result for an image of that height; `None` if some level cannot be halved.
    pub fn output_size(&self, image: usize) -> Option<usize> {
        let lost = if self.padded { 0 } else { 4 }; // by the two 3×3 convolutions of a level
        let mut size = image;
        for _ in 0..self.depth {
            size = size.checked_sub(lost).filter(|s| *s > 0 && s.is_multiple_of(2))? / 2;
        }
        size = size.checked_sub(lost).filter(|s| *s > 0)?;
        for _ in 0..self.depth {
            size = (2 * size).checked_sub(lost).filter(|s| *s > 0)?;
        }
        Some(size)
    }

    fn check(&self, b: &Builder, image: Shape) -> Result<(), GraphError> {
        if !(1..=1 << 16).contains(&self.base) || self.depth > 16 {
            let (base, depth) = (self.base, self.depth);
            let reason = format!("the base must lie in 1..=65536 and the depth in 0..=16, got {base} and {depth}");
            return Err(invalid(b, reason));
        }
        if self.padded {
            return check_multiple(b, image, 1 << self.depth);
        }
        for (side, size) in [("height", image.h), ("width", image.w)] {
            if self.output_size(size).is_none() {
                let fits = (size..).find(|s| self.output_size(*s).is_some()).unwrap_or(size);
                let depth = self.depth;
                let reason = format!("{side} {size} cannot be halved {depth} times; the next that can is {fits}");
                return Err(invalid(b, reason));
            }
        }
        Ok(())
    }

    /// A level: two 3×3 convolutions with ReLU.
    fn pair(&self, b: &mut Builder, name: &str, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
        b.module(name, |b| {
            let y = self.conv(b, 1, x, out)?;
            self.conv(b, 2, y, out)
        })
    }

    fn conv(&self, b: &mut Builder, number: usize, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
        let conv = Conv::new(out, 3).padding(usize::from(self.padded));
        let norm = format!("bn{number}");
        let y = b.conv2d(&format!("conv{number}"), x, if self.norm { conv } else { conv.bias() })?;
        let y = if self.norm {
            b.batch_norm(&norm, y, Norm::TORCH)?
        } else {
            b.label(&norm, y);
            y
        };
        b.relu(&format!("relu{number}"), y)
    }

    fn upsample(&self, b: &mut Builder, name: &str, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
        match self.up {
            UpSampling::Transposed => b.conv_transpose2d(name, x, ConvTranspose::new(out, 2, 2)),
            UpSampling::Bilinear => {
                let Shape { h, w, .. } = b.shape(x);
                let y = b.resize_bilinear(&format!("{name}.resize"), x, [2 * h, 2 * w], Coordinates::HalfPixel)?;
                b.conv2d(name, y, Conv::new(out, 1).bias())
            }
        }
    }
}

impl Network for UNet {
    fn info(&self) -> Info {
        let green = Normalize::Green { mean: 0.5, std: 0.25 };
        Info {
            task: Task::Segmentation,
            size: if self.padded { [512, 512] } else { [572, 572] },
            shorter_side: None,
            in_channels: if self.padded { 3 } else { 1 },
            classes: self.classes,
            normalize: if self.padded { Normalize::IMAGENET } else { green },
        }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes, ..*self }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        self.check(b, b.shape(x))?;
        let (mut y, mut features) = (x, Vec::new());
        for level in 1..=self.depth {
            y = self.pair(b, &format!("enc{level}"), y, self.base << (level - 1))?;
            features.push(Feature { stride: 1 << (level - 1), node: y });
            y = b.max_pool(&format!("pool{level}"), y, Pool::new(2, 2))?;
        }
        y = self.pair(b, &format!("enc{}", self.depth + 1), y, self.base << self.depth)?;
        let skips = features.clone();
        features.push(Feature { stride: 1 << self.depth, node: y });
        for (i, skip) in skips.into_iter().enumerate().rev() {
            let level = i + 1;
            let width = self.base << i;
            y = self.upsample(b, &format!("up{level}"), y, width)?;
            let Shape { h, w, .. } = b.shape(y);
            let skip = b.center_crop(&format!("crop{level}"), skip.node, h, w)?;
            y = b.concat(&format!("concat{level}"), &[skip, y])?;
            y = self.pair(b, &format!("dec{level}"), y, width)?;
        }
        let out = b.head(y, |b, y| b.conv2d("head", y, Conv::new(self.classes, 1).bias()))?;
        Ok(Built::from(out).with_features(features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    #[test]
    fn sizes_are_those_of_the_paper_and_others_are_refused() {
        assert_eq!(UNet::VALID.output_size(572), Some(388));
        assert_eq!(UNet::VALID.output_size(574), None);
        assert_eq!(UNet::PADDED.output_size(512), Some(512));
        let error = |network: UNet, h, w| {
            network.build("unet", Shape::new(1, h, w, 3), Mode::Inference).unwrap_err().to_string()
        };
        assert_eq!(
            error(UNet::PADDED, 100, 112),
            "network \"unet\": height and width must be multiples of 16, got 100×112; 112×112 fits"
        );
        assert_eq!(
            error(UNet::VALID, 572, 574),
            "network \"unet\": width 574 cannot be halved 4 times; the next that can is 588"
        );
    }
}
