//! What several topics share.

use atrous_vision::{Limits, RgbImage, load_rgb8};
use image::Rgb;
use std::path::{Path, PathBuf};

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).expect("the fixture exists")
}

pub(crate) fn load(name: &str) -> RgbImage {
    load_rgb8(data(name), &Limits::default()).expect("the fixture is a picture")
}

/// The rough pattern of `tests/data/make.py`.
pub(crate) fn pattern(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| ((7 * x * x + 13 * y * y + 5 * x * y + 91 * c) % 256) as u8))
    })
}

/// Largest difference of two pictures of one size, in grey levels.
#[track_caller]
pub(crate) fn max_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    let levels = a.as_raw().iter().zip(b.as_raw());
    levels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// An empty folder for one test; `test` must be unique.
pub(crate) fn empty_folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// A PNG of the given colour type and depth, from raw rows.
pub(crate) fn png_of(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, rows: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().expect("a valid header");
    writer.write_image_data(rows).expect("the rows fill the picture");
    writer.finish().expect("memory can be written");
    bytes
}
