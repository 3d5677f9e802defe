//! Tests of the public surface of `atrous-vision`, by topic.

mod broken_pictures;
mod class_maps;
mod classification;
mod fitting;
mod jpegs;
mod pictures;
mod preprocessing;
mod resizing;
mod support;
mod writing;
