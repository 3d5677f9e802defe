//! Training data: datasets, splits, augmentation, and batches that are prepared in advance.
//!
//! ```text
//! files ──Dataset──► Sample (picture + targets) ──Framing, Augment──► one size ──Preprocess──► Batch
//! ```
//!
//! Random numbers are functions of a seed, the epoch and the sample's index. So every epoch can be repeated, started at any batch, and
//! read by any number of threads.
//!
//! ```no_run
//! use atrous_train::data::{Augment, ImageFolder, Loader, LoaderOptions, split_stratified};
//! use atrous_vision::Preprocess;
//! use std::sync::Arc;
//!
//! let (train, held_out) = split_stratified(Arc::new(ImageFolder::open("flowers")?), 0.2, 1)?;
//! let options = LoaderOptions::new(16, [224, 224], Preprocess::IMAGENET);
//! let augment = Augment { horizontal_flip: 0.5, rotation: 10.0, ..Augment::NONE };
//! let loader = Loader::new(Arc::new(train), LoaderOptions { shuffle: true, augment, ..options })?;
//! let validation = Loader::new(Arc::new(held_out), options)?;
//! for epoch in 0..30 {
//!     for batch in loader.epoch(epoch, 0) {
//!         let batch = batch?;
//!         println!("{} pictures of shape {:?}", batch.samples, batch.shape);
//!     }
//! }
//! # let _ = validation;
//! # Ok::<(), atrous_train::data::DataError>(())
//! ```

mod augment;
mod batch;
mod budget;
mod check;
mod cifar;
mod dataset;
mod digits;
mod epoch;
mod error;
mod files;
mod identity;
mod image_folder;
mod in_memory;
mod info;
mod loader;
mod mask_file;
mod mask_folder;
mod mnist;
mod options;
mod part_name;
mod picture;
mod picture_set;
mod random;
mod reader;
mod sample;
mod shapes;
mod split;
mod survey;
mod target;
mod view;

pub use atrous_vision::Exif;
pub use augment::{Augment, Crop};
pub use batch::{Batch, TargetBatch};
pub use check::check_sample;
pub use cifar::{CIFAR10_CLASSES, cifar10, cifar10_files};
pub use dataset::Dataset;
pub use digits::digits;
pub use epoch::Epoch;
pub use error::{DataError, Result};
pub use identity::DataIdentity;
pub use image_folder::ImageFolder;
pub use in_memory::InMemory;
pub use info::SampleInfo;
pub use loader::Loader;
pub use mask_file::read_mask;
pub use mask_folder::{MaskFolder, VOC_CLASSES};
pub use mnist::{Part, idx, mnist};
pub use options::{LoaderOptions, OnBroken};
pub use picture::Picture;
pub use picture_set::PictureSet;
pub use reader::Skipped;
pub use sample::Sample;
pub use shapes::Shapes;
pub use split::{Subset, split_again, split_every, split_random, split_stratified};
pub use survey::{ClassCount, Finding, Severity, Survey};
pub(crate) use target::listed;
pub use target::{LABELS, Target, TargetKind, TargetSpec, VOID};
pub use view::Framing;
