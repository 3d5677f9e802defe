//! Rules of initialisation.

use super::distribution::Distribution;
use crate::{Naming, StoredLayout};

/// The connections of a weight that a variance is divided by, counted as the framework counts them: PyTorch's weight `[a, b, kh, kw]` has
/// `b*kh*kw` inputs and `a*kh*kw` outputs (transposed and grouped convolutions too), Keras' kernel `[kh, kw, a, b]` has
/// `kh*kw*a` and `kh*kw*b` (depthwise and transposed ones too).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fan {
    /// Inputs of one output.
    In,
    /// Outputs of one input.
    Out,
    /// The mean of both.
    Average,
}

/// How a layer's weight or bias is initialised: a distribution, or one whose variance is `scale / fan`. A bias takes the fans of
/// its layer's weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// This distribution, independent of the fans.
    Fixed(Distribution),
    /// Uniform of variance `scale / fan`: bound `sqrt(3 * scale / fan)`.
    Uniform {
        /// Variance times fan.
        scale: f64,
        /// The connections that the variance is divided by.
        fan: Fan,
    },
    /// Normal of variance `scale / fan`, not truncated.
    Normal {
        /// Variance times fan.
        scale: f64,
        /// The connections that the variance is divided by.
        fan: Fan,
    },
}

impl Scheme {
    /// Zero everywhere.
    pub const ZEROS: Self = Self::constant(0.0);
    /// PyTorch's default for weights and biases of convolutions and linear layers: uniform up to `1 / sqrt(fan_in)`, which is
    /// `kaiming_uniform_(a=sqrt(5))`.
    pub const TORCH: Self = Self::Uniform { scale: 1.0 / 3.0, fan: Fan::In };

    /// The same number everywhere.
    pub const fn constant(value: f64) -> Self {
        Self::Fixed(Distribution::Constant(value))
    }

    /// `kaiming_uniform_(nonlinearity="relu")`, Keras' `he_uniform` for [`Fan::In`] (He et al., arXiv:1502.01852).
    pub const fn kaiming_uniform(fan: Fan) -> Self {
        Self::Uniform { scale: 2.0, fan }
    }

    /// `kaiming_normal_(nonlinearity="relu")` (He et al., arXiv:1502.01852).
    pub const fn kaiming_normal(fan: Fan) -> Self {
        Self::Normal { scale: 2.0, fan }
    }

    /// `xavier_uniform_`, Keras' `glorot_uniform` (Glorot and Bengio 2010).
    pub const fn xavier_uniform() -> Self {
        Self::Uniform { scale: 1.0, fan: Fan::Average }
    }

    /// `xavier_normal_` (Glorot and Bengio 2010).
    pub const fn xavier_normal() -> Self {
        Self::Normal { scale: 1.0, fan: Fan::Average }
    }

    /// The distribution for a weight of this layout and shape.
    pub fn distribution(self, stored: StoredLayout, shape: &[usize]) -> Distribution {
        let variance = |scale: f64, fan| scale / fan_of(fan, stored, shape).max(1.0);
        match self {
            Self::Fixed(distribution) => distribution,
            Self::Uniform { scale, fan } => Distribution::Uniform { bound: (3.0 * variance(scale, fan)).sqrt() },
            Self::Normal { scale, fan } => Distribution::Normal { std: variance(scale, fan).sqrt() },
        }
    }
}

/// Number of connections. A vector of `C` counts as `C` inputs and outputs.
fn fan_of(fan: Fan, stored: StoredLayout, shape: &[usize]) -> f64 {
    let product = |sides: &[usize]| sides.iter().map(|n| *n as f64).product::<f64>();
    let (inputs, outputs) = match (stored, shape) {
        (StoredLayout::Oihw | StoredLayout::Iohw | StoredLayout::Oi, [a, b, taps @ ..]) => {
            (*b as f64 * product(taps), *a as f64 * product(taps))
        }
        (_, [taps @ .., a, b]) => (*a as f64 * product(taps), *b as f64 * product(taps)),
        (_, vector) => (product(vector), product(vector)),
    };
    match fan {
        Fan::In => inputs,
        Fan::Out => outputs,
        Fan::Average => (inputs + outputs) / 2.0,
    }
}

/// How layers are initialised: the weights of convolutions and linear layers, and their biases. Batch normalisations always begin
/// with scale 1, shift 0, mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerInit {
    /// Weights of convolutions and linear layers.
    pub weight: Scheme,
    /// Biases, by the fans of their layer's weight.
    pub bias: Scheme,
}

impl LayerInit {
    /// PyTorch's `Conv2d`, `ConvTranspose2d` and `Linear`.
    pub const TORCH: Self = Self { weight: Scheme::TORCH, bias: Scheme::TORCH };
    /// Keras' `Conv2D`, `DepthwiseConv2D`, `SeparableConv2D`, `Conv2DTranspose` and `Dense`: `glorot_uniform` and zeros.
    pub const KERAS: Self = Self { weight: Scheme::xavier_uniform(), bias: Scheme::ZEROS };
    /// Convolutions of torchvision's ResNets: `kaiming_normal_(mode="fan_out", nonlinearity="relu")`.
    pub const RESNET: Self = Self { weight: Scheme::kaiming_normal(Fan::Out), bias: Scheme::TORCH };
    /// Decoders that segmentation-models-pytorch initialises: `kaiming_uniform_(mode="fan_in", nonlinearity="relu")` and zeros.
    pub const SMP_DECODER: Self = Self { weight: Scheme::kaiming_uniform(Fan::In), bias: Scheme::ZEROS };
    /// Heads that segmentation-models-pytorch initialises: `xavier_uniform_` and zeros.
    pub const SMP_HEAD: Self = Self { weight: Scheme::xavier_uniform(), bias: Scheme::ZEROS };

    /// The framework's default.
    pub const fn of(naming: Naming) -> Self {
        match naming {
            Naming::Torch => Self::TORCH,
            Naming::Keras => Self::KERAS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fans_are_those_the_frameworks_count() {
        let fans = |stored, shape: &[usize]| [Fan::In, Fan::Out, Fan::Average].map(|fan| fan_of(fan, stored, shape));
        assert_eq!(fans(StoredLayout::Oihw, &[64, 3, 7, 5]), [105.0, 2240.0, 1172.5]);
        assert_eq!(fans(StoredLayout::Oihw, &[24, 1, 3, 3]), [9.0, 216.0, 112.5]);
        assert_eq!(fans(StoredLayout::Iohw, &[16, 8, 2, 2]), [32.0, 64.0, 48.0]);
        assert_eq!(fans(StoredLayout::Oi, &[10, 512]), [512.0, 10.0, 261.0]);
        assert_eq!(fans(StoredLayout::Hwio, &[7, 5, 3, 64]), [105.0, 2240.0, 1172.5]);
        assert_eq!(fans(StoredLayout::Hwim, &[3, 3, 12, 2]), [108.0, 18.0, 63.0]);
        assert_eq!(fans(StoredLayout::Hwoi, &[2, 2, 8, 16]), [32.0, 64.0, 48.0]);
        assert_eq!(fans(StoredLayout::Io, &[512, 10]), [512.0, 10.0, 261.0]);
        assert_eq!(fans(StoredLayout::Vector, &[6]), [6.0, 6.0, 6.0]);
    }

    #[test]
    fn bounds_and_deviations_are_those_of_the_formulas() {
        let of = |scheme: Scheme| scheme.distribution(StoredLayout::Oihw, &[8, 4, 3, 3]);
        assert_eq!(of(Scheme::TORCH), Distribution::Uniform { bound: 1.0 / 6.0 });
        assert_eq!(of(Scheme::kaiming_normal(Fan::Out)), Distribution::Normal { std: (2.0f64 / 72.0).sqrt() });
        assert_eq!(of(Scheme::kaiming_uniform(Fan::In)), Distribution::Uniform { bound: (6.0f64 / 36.0).sqrt() });
        assert_eq!(of(Scheme::xavier_uniform()), Distribution::Uniform { bound: (3.0f64 / 54.0).sqrt() });
        assert_eq!(of(Scheme::xavier_normal()), Distribution::Normal { std: (1.0f64 / 54.0).sqrt() });
        assert_eq!(of(Scheme::constant(-2.0)), Distribution::Constant(-2.0));
    }
}
