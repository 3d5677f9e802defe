//! Pictures, masks and lists of class names.

use std::path::Path;

use atrous_train::data;
use atrous_vision::{
    ClassMap, Exif, Limits, RgbImage, decode_rgb8, encode_png, load_header, load_rgb8_with, palette_png, stated_size,
    voc_palette,
};
use png::{BitDepth, ColorType};

use crate::message::text;
use crate::target::Place;

/// Smaller limits than by default, so that large pictures are refused and many can be tried.
const LIMITS: Limits = Limits { max_side: 4096, max_bytes: 32 << 20 };
/// A picture as decoded, with 16 bits and four channels, once more as RGB, and the file.
pub(super) const BUDGET: usize = 4 * LIMITS.max_bytes as usize;

const JPEG: [&str; 14] = [
    "decode_progressive.jpg",
    "decode_cmyk.jpg",
    "decode_grey_jpeg.jpg",
    "jpeg/311_apart.jpg",
    "jpeg/411_progressive.jpg",
    "jpeg/420_apart.jpg",
    "jpeg/420_backwards.jpg",
    "jpeg/420_redefined.jpg",
    "jpeg/440_partly.jpg",
    "jpeg/444_progressive.jpg",
    "jpeg/corners.jpg",
    "jpeg/fine_chroma_apart.jpg",
    "jpeg/rgb_apart.jpg",
    "jpeg/ycck_together.jpg",
];

pub(super) fn jpeg() -> Vec<Vec<u8>> {
    JPEG.map(picture).to_vec()
}

pub(super) fn webp() -> Vec<Vec<u8>> {
    ["decode_lossy.webp", "decode_lossless_alpha.webp"].map(picture).to_vec()
}

/// Every colour type with every depth, and a picture with an orientation.
pub(super) fn png() -> Vec<Vec<u8>> {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    let all = [
        (ColorType::Grayscale, &[One, Two, Four, Eight, Sixteen][..]),
        (ColorType::Indexed, &[One, Two, Four, Eight]),
        (ColorType::Rgb, &[Eight, Sixteen]),
        (ColorType::GrayscaleAlpha, &[Eight, Sixteen]),
        (ColorType::Rgba, &[Eight, Sixteen]),
    ];
    let mut seeds: Vec<Vec<u8>> =
        all.iter().flat_map(|(color, depths)| depths.iter().map(|depth| encoded(*color, *depth))).collect();
    let pixel = |x, y| [x as u8, y as u8, 77].into();
    seeds.push(encode_png(&RgbImage::from_fn(9, 7, pixel)).expect("a picture"));
    seeds.push(picture("decode_exif.png"));
    seeds
}

/// A PNG of 5×3 pixels.
fn encoded(color: ColorType, depth: BitDepth) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 5, 3);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette((0..=255).flat_map(|i| [i, 255 - i, 7]).take(3 << (depth as u32)).collect::<Vec<u8>>());
    }
    let row = (5 * color.samples() * depth as usize).div_ceil(8);
    let rows: Vec<u8> = (0..3 * row).map(|i| (i * 59) as u8).collect();
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&rows));
    written.expect("the rows fill the picture");
    bytes
}

pub(super) fn read(place: &Place) -> Result<(), String> {
    let stated = stated_size(place.path);
    let header = load_header(place.path, &LIMITS);
    let raw = load_rgb8_with(place.path, &LIMITS, Exif::Raw);
    let upright = decode_rgb8("p.png, p.jpg or p.webp", place.bytes, &LIMITS);
    assert_eq!(raw.is_ok(), upright.is_ok(), "a file and its bytes differ");
    let raw = raw.map_err(text)?;
    let header = header.unwrap_or_else(|error| panic!("a picture without a header: {error}"));
    assert_eq!(raw.dimensions(), header.size(Exif::Raw), "another size than the header states");
    assert_eq!(upright.expect("it was decoded").dimensions(), header.size(Exif::Apply), "another size when upright");
    assert!(
        stated.is_none_or(|size| size == raw.dimensions()),
        "the first bytes state {stated:?}, not {:?}",
        raw.dimensions()
    );
    Ok(())
}

/// Masks: grey, and with a palette, of all depths.
pub(super) fn masks() -> Vec<Vec<u8>> {
    use BitDepth::{Eight, Four, One, Two};
    let kinds = [ColorType::Grayscale, ColorType::Indexed];
    let mut seeds: Vec<Vec<u8>> =
        kinds.iter().flat_map(|color| [One, Two, Four, Eight].map(|depth| encoded(*color, depth))).collect();
    seeds.push(mask(9, 7, 3));
    seeds
}

/// A mask with so many classes.
pub(super) fn mask(width: u32, height: u32, classes: u8) -> Vec<u8> {
    let map = ClassMap::new(width, height, (0..width * height).map(|i| (i % u32::from(classes)) as u8).collect());
    palette_png(&map.expect("a mask"), &voc_palette()).expect("a mask")
}

/// A mask that was read and is written is the same when it is read.
pub(super) fn read_mask(place: &Place) -> Result<(), String> {
    let mask = data::read_mask(place.path).map_err(text)?;
    let path = place.folder.join("again.png");
    std::fs::write(&path, palette_png(&mask, &voc_palette()).expect("a mask")).expect("it can be written");
    assert_eq!(data::read_mask(&path).expect("what was written can be read"), mask, "another mask");
    Ok(())
}

pub(super) fn labels() -> Vec<Vec<u8>> {
    ["cat\ndog\nbird\n", "\u{feff}cat\r\n dog \r\nGröße"].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn read_labels(place: &Place) -> Result<(), String> {
    let labels = atrous_vision::read_labels(place.path, 3).map_err(text)?;
    assert!(labels.len() == 3 && labels.iter().all(|label| !label.trim().is_empty()), "{labels:?}");
    Ok(())
}

/// A file of the pictures that the tests of `atrous-vision` decode.
pub(super) fn picture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../atrous-vision/tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
