//! Pictures in every mode come out as Pillow's `convert("RGB")` gives them, upright.

use crate::support::{bytes, data, empty_folder, load, max_difference, png_of};
use atrous_vision::{Exif, Limits, PictureHeader, RgbImage, decode_rgb8, load_header, load_rgb8, load_rgb8_with};
use png::{BitDepth, ColorType};

#[track_caller]
fn assert_as_pillow(picture: &str, allowed: u8) {
    let (stem, _) = picture.rsplit_once('.').expect("fixtures have an extension");
    let off = max_difference(&load(picture), &load(&format!("{stem}.rgb.png")));
    assert!(off <= allowed, "{picture}: {off} grey levels off, allowed {allowed}");
}

#[test]
fn lossless_modes_equal_pillow() {
    for picture in [
        "decode_lossless_alpha.webp",
        "decode_exif.png",
        "decode_rgba.png",
        "decode_grey_alpha.png",
        "decode_palette.png",
        "decode_bilevel.png",
        "decode_grey16.png",
    ] {
        assert_as_pillow(picture, 0);
    }
}

/// Decoders may round the inverse transform and the colour conversion differently.
#[test]
fn lossy_modes_equal_pillow_within_rounding() {
    for picture in ["decode_progressive.jpg", "decode_grey_jpeg.jpg", "decode_cmyk.jpg", "decode_lossy.webp"] {
        assert_as_pillow(picture, 2);
    }
}

#[test]
fn grey_has_equal_channels() {
    let bytes = png_of(3, 1, ColorType::Grayscale, BitDepth::Eight, &[0, 77, 255]);
    let image = decode_rgb8("grey", &bytes, &Limits::default()).unwrap();
    assert_eq!(image.as_raw(), &[0, 0, 0, 77, 77, 77, 255, 255, 255]);
}

#[test]
fn alpha_is_dropped_not_blended() {
    let bytes = png_of(2, 1, ColorType::Rgba, BitDepth::Eight, &[200, 100, 50, 0, 1, 2, 3, 128]);
    let image = decode_rgb8("rgba", &bytes, &Limits::default()).unwrap();
    assert_eq!(image.as_raw(), &[200, 100, 50, 1, 2, 3]);
}

#[test]
fn sixteen_bits_are_scaled_and_rounded() {
    let values: [u16; 9] = [0, 128, 129, 385, 386, 32_767, 32_768, 65_406, 65_535];
    let want = values.map(|v| (f64::from(v) * 255.0 / 65_535.0).round() as u8);
    assert_eq!(want[..4], [0, 0, 1, 1]);
    let rows: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let rgb = png_of(3, 1, ColorType::Rgb, BitDepth::Sixteen, &rows);
    let image = decode_rgb8("rgb16", &rgb, &Limits::default()).unwrap();
    assert_eq!(image.as_raw(), &want);

    let grey = png_of(9, 1, ColorType::Grayscale, BitDepth::Sixteen, &rows);
    let image = decode_rgb8("grey16", &grey, &Limits::default()).unwrap();
    assert_eq!(image.as_raw(), &want.map(|v| [v; 3]).concat());

    let rows: Vec<u8> = [257u16, 514, 771, 5].iter().flat_map(|v| v.to_be_bytes()).collect();
    let rgba = png_of(1, 1, ColorType::Rgba, BitDepth::Sixteen, &rows);
    let image = decode_rgb8("rgba16", &rgba, &Limits::default()).unwrap();
    assert_eq!(image.as_raw(), &[1, 2, 3]);
}

#[test]
fn the_content_tells_the_format_not_the_name() {
    let folder = empty_folder("lying-extension");
    let path = folder.join("picture.jpg");
    std::fs::copy(data("decode_rgba.png"), &path).unwrap();
    let image = load_rgb8(&path, &Limits::default()).unwrap();
    assert_eq!(image, load("decode_rgba.rgb.png"));
}

/// `jpeg/corners.jpg`, a 16×8 JPEG, left half red, right half green, top of the left half blue, with an EXIF orientation.
fn oriented_jpeg(orientation: u16) -> Vec<u8> {
    let mut jpeg = bytes("jpeg/corners.jpg");
    // APP1: "Exif", then a big-endian TIFF with one directory of one entry: tag 0x0112, one SHORT.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(orientation.to_be_bytes());
    exif.extend([0; 6]);
    let mut segment = vec![0xFF, 0xE1];
    segment.extend((exif.len() as u16 + 2).to_be_bytes());
    segment.extend(exif);
    jpeg.splice(2..2, segment);
    jpeg
}

/// Colours of the corners: upper left, upper right, lower left, lower right.
fn corners(image: &RgbImage) -> String {
    let (right, bottom) = (image.width() - 2, image.height() - 2);
    [(1, 1), (right, 1), (1, bottom), (right, bottom)]
        .map(|(x, y)| {
            let levels = image.get_pixel(x, y).0;
            let brightest = (0..3).max_by_key(|&c| levels[c]).unwrap();
            ['r', 'g', 'b'][brightest]
        })
        .iter()
        .collect()
}

#[test]
fn exif_orientation_is_applied() {
    // What orientation n means is laid down in the EXIF standard (CIPA DC-008, 4.6.5.1.4 Orientation).
    for (orientation, size, want) in [
        (1, (16, 8), "bgrg"),
        (2, (16, 8), "gbgr"),
        (3, (16, 8), "grgb"),
        (4, (16, 8), "rgbg"),
        (5, (8, 16), "brgg"),
        (6, (8, 16), "rbgg"),
        (7, (8, 16), "ggrb"),
        (8, (8, 16), "ggbr"),
    ] {
        let image = decode_rgb8("turned", &oriented_jpeg(orientation), &Limits::default()).unwrap();
        assert_eq!(image.dimensions(), size, "orientation {orientation}");
        assert_eq!(corners(&image), want, "orientation {orientation}");
    }
}

#[test]
fn a_picture_can_be_read_as_it_is_stored() {
    let folder = empty_folder("exif");
    for orientation in 1..=8 {
        let path = folder.join(format!("{orientation}.jpg"));
        std::fs::write(&path, oriented_jpeg(orientation)).unwrap();
        let limits = Limits::default();
        let stored = load_rgb8_with(&path, &limits, Exif::Raw).unwrap();
        assert_eq!((stored.dimensions(), corners(&stored)), ((16, 8), "bgrg".to_owned()), "orientation {orientation}");
        let header = load_header(&path, &limits).unwrap();
        let want = PictureHeader { width: 16, height: 8, channels: 3, orientation: orientation as u8 };
        assert_eq!((header, header.size(Exif::Raw)), (want, (16, 8)));
        let upright = load_rgb8_with(&path, &limits, Exif::Apply).unwrap();
        assert_eq!(header.size(Exif::Apply), upright.dimensions());
        assert_eq!(upright, load_rgb8(&path, &limits).unwrap());
    }
}

#[test]
fn a_nonsensical_orientation_is_ignored() {
    let image = decode_rgb8("odd", &oriented_jpeg(9), &Limits::default()).unwrap();
    assert_eq!(image.dimensions(), (16, 8));
}

#[test]
fn bytes_after_the_picture_do_not_matter() {
    for picture in ["decode_progressive.jpg", "decode_rgba.png", "decode_lossy.webp"] {
        let mut longer = bytes(picture);
        longer.extend([0xFF, 0xD8, 0xFF, 7]);
        let image = decode_rgb8(picture, &longer, &Limits::default()).unwrap();
        assert_eq!(image, load(picture), "{picture}");
    }
}
