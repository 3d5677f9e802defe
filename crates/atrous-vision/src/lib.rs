//! From picture files to the input tensors of networks, and from their outputs to pictures.
//!
//! ```text
//! file ──load_rgb8──► RgbImage ──Fit──► RgbImage ──Preprocess──► ImageTensor (dense f32 N×H×W×C) ──► network
//! network ──► logits ──classify──► the k best classes with probabilities
//! network ──► logits ──argmax_classes──► ClassMap ──► palette PNG, overlay
//! ```
//!
//! Pictures are [`image::RgbImage`]: 8-bit RGB, row by row. Resizing follows Pillow, cropping follows torchvision and
//! normalisation follows the framework whose weights are used, so that a picture gives the same result as in that framework.
//!
//! ```no_run
//! use atrous_vision::{Filter, Fit, Limits, Preprocess, classify, load_rgb8};
//!
//! # fn network(_: &[f32], _: [usize; 4]) -> Vec<f32> { vec![0.0; 1000] }
//! let photo = load_rgb8("photo.jpg", &Limits::default())?;
//! let fit = Fit::ShorterSideCrop { side: 256, width: 224, height: 224 };
//! let input = Preprocess::IMAGENET.run(&[fit.apply(&photo, Filter::Bilinear)?])?;
//! let logits = network(&input.data, input.shape);
//! for best in classify(&logits, 5)? {
//!     println!("{:4} {:.1} %", best.class, 100.0 * best.probability);
//! }
//! # Ok::<(), atrous_vision::Error>(())
//! ```
//!
//! This crate does not use GPUs: tensors are plain slices with an `[n, h, w, c]` shape.

mod class_map;
mod classify;
mod error;
mod labels;
#[cfg(feature = "photos")]
mod photos;
mod preprocess;
mod resize_tensor;
mod size;

pub use atrous_files::shown;
pub use atrous_nn::Normalize;
pub use atrous_nn::normalize::{CAFFE_MEAN_BGR, HALF, IMAGENET_MEAN, IMAGENET_STD};
pub use class_map::{ClassMap, argmax_classes};
pub use classify::{Prediction, classify, softmax, top_k};
pub use error::{Error, ErrorKind, Result};
pub use labels::{parse_labels, read_labels};
#[cfg(feature = "photos")]
pub use photos::*;
pub use preprocess::{ImageTensor, Preprocess};
