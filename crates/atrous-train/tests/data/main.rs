//! Tests of `atrous_train::data`, by topic.

mod augmentation;
mod binary_files;
mod broken_samples;
mod digits;
mod identity;
mod image_folders;
mod in_memory;
mod links_and_names;
mod loading;
mod mask_files;
mod mask_folders;
mod mask_pairs;
mod options;
mod resuming;
mod shapes;
mod splits;
mod support;
mod surveys;
mod targets;
