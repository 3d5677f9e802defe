//! Preprocessing: the conversion of pixel values to a network's input.

use crate::error::{Error, Result};
use atrous_nn::Normalize;

/// Turns pictures of equal size into one input tensor.
///
/// ```
/// use atrous_vision::{Preprocess, RgbImage};
///
/// let photo = RgbImage::from_pixel(2, 1, [51, 102, 255].into());
/// let tensor = Preprocess::TF.run(&[photo.clone(), photo])?; // byte / 127.5 - 1
/// assert_eq!(tensor.shape, [2, 1, 2, 3]); // N, H, W, C
/// assert_eq!(tensor.data[..3], [-0.6, -0.2, 1.0]);
/// // Pictures of one batch have one size.
/// assert!(Preprocess::TF.run(&[RgbImage::new(2, 1), RgbImage::new(1, 2)]).is_err());
/// # Ok::<(), atrous_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// How pixel values are normalised.
    pub normalize: Normalize,
    /// The normalised f32 values are multiplied by this, in f32. 1 changes nothing.
    pub then_scale: f32,
}

/// A dense f32 tensor, channels innermost: element `(n, y, x, c)` is `data[((n * h + y) * w + x) * c_count + c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTensor {
    /// `[n, h, w, c]`.
    pub shape: [usize; 4],
    /// `n * h * w * c` values.
    pub data: Vec<f32>,
}

impl Preprocess {
    /// torchvision's, timm's and smp's default.
    pub const IMAGENET: Preprocess = Preprocess::new(Normalize::IMAGENET);
    /// Keras's mode "tf", -1..1 (Xception).
    pub const TF: Preprocess = Preprocess::new(Normalize::Tf);
    /// Keras's mode "caffe" (ResNet).
    pub const CAFFE: Preprocess = Preprocess::new(Normalize::CAFFE);

    /// Normalisation without a further scale.
    pub const fn new(normalize: Normalize) -> Self {
        Preprocess { normalize, then_scale: 1.0 }
    }

    /// Channels of the tensor: 1 for [`Normalize::Green`], else 3.
    pub fn channels(&self) -> usize {
        match self.normalize {
            Normalize::Green { .. } => 1,
            _ => 3,
        }
    }

    /// For each channel of the tensor: the channel of the picture (0 = R) and the number for each of its 256 values.
    ///
    /// # Errors
    /// [`Error::BadConstant`] if a mean or the scale is not finite, or a standard deviation not finite and positive.
    pub fn tables(&self) -> Result<Vec<(usize, [f32; 256])>> {
        self.check()?;
        let torch = |mean: f64, std: f64| move |p: f64| (p / 255.0 - mean) / std;
        Ok(match self.normalize {
            Normalize::Torch { mean, std } => (0..3).map(|c| (c, self.table(torch(mean[c], std[c])))).collect(),
            Normalize::Tf => (0..3).map(|c| (c, self.table(|p| p / 127.5 - 1.0))).collect(),
            Normalize::Caffe { mean_bgr } => (0..3).map(|c| (2 - c, self.table(|p| p - mean_bgr[c]))).collect(),
            Normalize::Green { mean, std } => vec![(1, self.table(torch(mean, std)))],
        })
    }

    fn table(&self, normalize: impl Fn(f64) -> f64) -> [f32; 256] {
        std::array::from_fn(|p| normalize(p as f64) as f32 * self.then_scale)
    }

    fn check(&self) -> Result<()> {
        let (mode, means, stds): (_, &[f64], &[f64]) = match &self.normalize {
            Normalize::Torch { mean, std } => ("torch", mean, std),
            Normalize::Tf => ("tf", &[], &[]),
            Normalize::Caffe { mean_bgr } => ("caffe", mean_bgr, &[]),
            Normalize::Green { mean, std } => ("green", std::slice::from_ref(mean), std::slice::from_ref(std)),
        };
        let bad = |constant, must, value| Err(Error::BadConstant { mode, constant, must, value });
        if let Some(c) = means.iter().position(|mean| !mean.is_finite()) {
            return bad(format!("mean of channel {c}"), "finite", means[c]);
        }
        if let Some(c) = stds.iter().position(|std| !(std.is_finite() && *std > 0.0)) {
            return bad(format!("std of channel {c}"), "finite and positive", stds[c]);
        }
        if !self.then_scale.is_finite() {
            return bad("then_scale".to_owned(), "finite", self.then_scale.into());
        }
        Ok(())
    }
}
