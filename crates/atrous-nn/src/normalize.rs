//! How pictures become numbers.

/// Mean of ImageNet's pixels / 255, RGB (torchvision, timm, smp).
pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's pixels / 255, RGB (torchvision, timm, smp).
pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];
/// Inception's mean and standard deviation alike: maps pixels to -1..1 (timm's Xception).
pub const HALF: [f64; 3] = [0.5, 0.5, 0.5];
/// Mean of ImageNet's pixels, blue first (Caffe's ResNet and VGG; Keras mode "caffe").
pub const CAFFE_MEAN_BGR: [f64; 3] = [103.939, 116.779, 123.68];

/// How a pixel value `p` of 0..=255 becomes a number. Computed in f64 and rounded once to f32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalize {
    /// `(p / 255 - mean) / std` for each of R, G, B.
    Torch {
        /// Mean of R, G, B.
        mean: [f64; 3],
        /// Standard deviation of R, G, B.
        std: [f64; 3],
    },
    /// `p / 127.5 - 1` for each of R, G, B (Keras mode "tf").
    Tf,
    /// `p - mean` for each of B, G, R, in that order (Keras mode "caffe").
    Caffe {
        /// Mean of B, G, R.
        mean_bgr: [f64; 3],
    },
    /// `(p / 255 - mean) / std` of the green channel alone: one channel, for networks that take grey pictures.
    Green {
        /// Mean of the channel / 255.
        mean: f64,
        /// Standard deviation of the channel / 255.
        std: f64,
    },
}

impl Normalize {
    /// torchvision's for weights of ImageNet: [`IMAGENET_MEAN`] and [`IMAGENET_STD`].
    pub const IMAGENET: Self = Self::Torch { mean: IMAGENET_MEAN, std: IMAGENET_STD };
    /// To -1..1, as timm writes it: [`HALF`] for both.
    pub const HALF: Self = Self::Torch { mean: HALF, std: HALF };
    /// Keras' mode "caffe" for weights of ImageNet: [`CAFFE_MEAN_BGR`].
    pub const CAFFE: Self = Self::Caffe { mean_bgr: CAFFE_MEAN_BGR };
}
