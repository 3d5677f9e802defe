//! First values of a network's parameters, as its framework would draw them.
//!
//! The rule of each parameter is chosen when the network is built (see [`LayerInit`] and [`crate::Builder::initialized`]):
//!
//! | network | weights | biases |
//! |---|---|---|
//! | PyTorch layers; timm's Xception-65, U-Net, DeepLabV3+ on Xception-65, heads of torchvision's segmentation networks, decoder and head of `smp.DeepLabV3Plus` | `U(±1/sqrt(fan_in))` | `U(±1/sqrt(fan_in))` |
//! | convolutions of torchvision's ResNets, as classifiers and as encoders | `N(0, 2/fan_out)` | – |
//! | decoders of `smp.Unet`, `smp.PSPNet` | `U(±sqrt(6/fan_in))` | 0 |
//! | heads of `smp.Unet`, `smp.PSPNet` | `U(±sqrt(6/(fan_in+fan_out)))` | 0 |
//! | Keras networks | `U(±sqrt(6/(fan_in+fan_out)))` | 0 |
//! | batch normalisations | 1 | 0 |
//!
//! Sources: PyTorch's `nn/modules/conv.py`, `linear.py` and `nn/init.py`; torchvision's `models/resnet.py`; smp's
//! `base/initialization.py`, which its `DeepLabV3Plus` does not call; Keras' `initializers/random_initializers.py`.
//!
//! The numbers differ from the frameworks' own. With seed `s`, element `i` (in row-major order of the framework's shape) of the
//! parameter `name` is computed from SplitMix64 at positions that depend on `i` alone, with a key that is a hash of `s` and `name`;
//! normal values by the formula of Box and Muller; all in f64, rounded once to f32. So a value does not depend on the machine, on other
//! parameters or on the order in which they are written.

mod distribution;
mod scheme;
mod stream;

pub(crate) use stream::Stream;

pub use distribution::Distribution;
pub use scheme::{Fan, LayerInit, Scheme};
