//! Tests of `atrous_train::data`, by topic.

mod augmentation;
mod binary_files;
mod broken_samples;
mod digits;
mod identity;
mod image_folders;
mod in_memory;
mod loading;
mod mask_files;
mod mask_folders;
mod options;
mod resuming;
mod shapes;
mod splits;
mod support;
mod targets;
