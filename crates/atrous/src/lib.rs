//! Runs convolutional vision networks on any GPU that WebGPU reaches: Vulkan, Metal, DX12, the browser.
//!
//! A [`Predictor`] is a network, of the zoo or of your own, with weights on a device. It classifies photographs of any size:
//!
//! ```no_run
//! use atrous::prelude::*;
//!
//! fn main() -> Result<(), atrous::Error> {
//!     let device = Device::from_env_blocking()?;
//!     let weights = Weights::File("resnet50.safetensors".into());
//!     let mut network = Predictor::new(&device, "resnet50", &weights, PredictorOptions::default())?;
//!     let photo = load_rgb8("photo.jpg", &ImageLimits::default())?;
//!     for best in &network.classify_blocking(&[photo], 5)?[0] {
//!         println!("class {:4}  {:5.1} %", best.class, 100.0 * best.probability);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A [`Trainer`](train::Trainer) trains one. This trains a U-Net on a folder of pictures and their masks:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use atrous::nn::zoo::UNet;
//! use atrous::prelude::*;
//! use atrous::train::data::{MaskFolder, split_every};
//!
//! fn main() -> Result<(), atrous::Error> {
//!     let device = Device::from_env_blocking()?;
//!     let names = ["background", "cell", "border"].map(String::from).to_vec();
//!     let (train, held_out) = split_every(Arc::new(MaskFolder::open("pictures", "masks", names)?), 5)?;
//!     let options = LoaderOptions::new(8, [128, 128], Preprocess::IMAGENET);
//!     let train = Loader::new(Arc::new(train), LoaderOptions { shuffle: true, ..options })?;
//!     let held_out = Loader::new(Arc::new(held_out), options)?;
//!     let options = TrainOptions { epochs: 20, run_folder: Some("runs/cells".into()), ..TrainOptions::default() };
//!     let network = UNet { classes: 3, ..UNet::SMALL };
//!     let outcome = Trainer::builder(&device, network, train).validate(held_out).options(options).build()?.fit()?;
//!     println!("{} steps, best validation loss {:?}", outcome.steps, outcome.best);
//!     Ok(())
//! }
//! ```
//!
//! Programs that need more find the parts as modules: [`nn`] builds networks (those of [`nn::zoo`] by name), [`graph`] has shapes,
//! operations and graphs, [`kernels`] plans them without a device, [`gpu`] runs the plans, [`train`] has losses, data and the trainer,
//! [`io`] reads and writes weights, [`vision`] converts picture files to tensors and tensors to pictures.
//!
//! Every call that waits for the device exists in two forms: `async`, for any executor and for browsers, and `_blocking`.
//!
//! # Stability
//!
//! The items at this crate's root and in its [`prelude`] are stable, and in the modules the names that `docs/stability.md` in the
//! repository lists. Everything else may change in any version.
//!
//! # Features
//!
//! All but `check` are on by default. Without features the crate has networks, devices, and runs on tensors.
//!
//! - `photos`: picture files, their sizes, class maps as pictures; the predictor takes photographs.
//! - `train` (with `photos`): losses, data, metrics, the trainer.
//! - `plot` (with `train`): the learning curve as a picture, and a progress bar of trainings.
//! - `check`: compares custom operations with their f64 reference, for the tests of a program.
//!
//! For browsers (`wasm32-unknown-unknown`) take `photos`, `train` or none. There are no files, no [`train::Trainer`] and no calls that
//! block.

#[cfg(feature = "check")]
pub mod check;
mod error;
mod predictor;

/// Adapters, buffers, pipelines, sessions. Not [stable](crate#stability), except for the items that the crate's root exports.
pub mod gpu {
    pub use atrous_gpu::*;
}

/// Shapes, operations, graphs, passes. In part [stable](crate#stability).
pub mod graph {
    pub use atrous_graph::*;
}

/// Weights files. In part [stable](crate#stability).
pub mod io {
    pub use atrous_io::*;
}

/// Kernel choice and plans, without a device. Not [stable](crate#stability).
pub mod kernels {
    pub use atrous_kernels::*;
}

/// Layers, networks, the zoo. In part [stable](crate#stability).
pub mod nn {
    pub use atrous_nn::*;
}

/// Losses, data, metrics, the trainer. In part [stable](crate#stability).
#[cfg(feature = "train")]
pub mod train {
    pub use atrous_train::*;
}

/// Pictures to tensors, tensors to pictures. In part [stable](crate#stability).
pub mod vision {
    pub use atrous_vision::*;
}

pub use error::{Error, Result};
pub use gpu::{AdapterChoice, Device, DeviceOptions, wgpu};
pub use graph::passes::Precision;
pub use io::Weights;
#[cfg(feature = "photos")]
pub use predictor::Many;
pub use predictor::{Gradients, Predictor, PredictorOptions, class_score};

/// What most programs need.
pub mod prelude {
    pub use crate::{AdapterChoice, Device, DeviceOptions, Precision, Predictor, PredictorOptions, Weights};
    pub use atrous_nn::Network;
    #[cfg(feature = "train")]
    pub use atrous_train::Train;
    #[cfg(feature = "train")]
    pub use atrous_train::data::{Augment, Dataset, Loader, LoaderOptions};
    #[cfg(all(feature = "train", not(target_arch = "wasm32")))]
    pub use atrous_train::{Schedule, TrainOptions, Trainer};
    pub use atrous_vision::{ClassMap, Prediction, Preprocess};
    #[cfg(feature = "photos")]
    pub use atrous_vision::{Limits as ImageLimits, RgbImage, load_rgb8, write_png};
}
