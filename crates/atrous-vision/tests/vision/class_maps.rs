//! Arg-max, class maps, their colours and their files.

use crate::support::{empty_folder, load, max_difference};
use atrous_vision::{ClassMap, Error, Filter, Limits, RgbImage};
use atrous_vision::{
    argmax_classes, decode_rgb8, load_rgb8, overlay, palette_png, resize, voc_palette, write_palette_png,
};
use image::Rgb;

fn map(width: u32, height: u32, classes: &[u8]) -> ClassMap {
    ClassMap::new(width, height, classes.to_vec()).unwrap()
}

#[test]
fn argmax_takes_the_lowest_of_equals() {
    let logits = [
        1.0,
        3.0,
        3.0, // class 1
        -5.0,
        -6.0,
        f32::NEG_INFINITY, // class 0
        0.0,
        -0.0,
        0.0, // class 0
        f32::NEG_INFINITY,
        f32::INFINITY,
        1.0, // class 1
        0.0,
        1.0,
        2.0, // class 2
        7.0,
        7.0,
        7.5, // class 2
    ];
    let maps = argmax_classes(&logits, [2, 1, 3, 3]).unwrap();
    assert_eq!(maps, [map(3, 1, &[1, 0, 0]), map(3, 1, &[1, 2, 2])]);
    let maps = argmax_classes(&logits, [1, 3, 2, 3]).unwrap();
    assert_eq!((maps[0].width(), maps[0].height()), (2, 3));
    assert_eq!(maps[0].pixel_counts()[..4], [2, 2, 2, 0]);
}

#[test]
fn argmax_of_256_classes() {
    let mut logits = vec![0.0; 256];
    logits[255] = 1.0;
    assert_eq!(argmax_classes(&logits, [1, 1, 1, 256]).unwrap()[0].classes(), [255]);
}

#[test]
fn bad_logits() {
    let error = argmax_classes(&[0.0; 5], [1, 1, 2, 3]).unwrap_err();
    assert_eq!(error.to_string(), "logits of shape 1×1×2×3 needs 6 values, got 5");
    let error = argmax_classes(&[0.0; 257], [1, 1, 1, 257]).unwrap_err();
    assert_eq!(error.to_string(), "argmax: logits have 257 classes, a class map holds 1 to 256");
    assert!(matches!(argmax_classes(&[], [1, 1, 1, 0]), Err(Error::ClassCount { classes: 0 })));
    assert!(matches!(argmax_classes(&[], [0, 1, 1, 2]), Err(Error::Length { .. })));
    assert!(argmax_classes(&[], [usize::MAX, usize::MAX, 2, 2]).is_err());
    let error = argmax_classes(&[0.0, 1.0, f32::NAN, 0.0], [1, 1, 2, 2]).unwrap_err();
    assert_eq!(error.to_string(), "argmax: value 2 is NaN");
}

#[test]
fn a_map_needs_one_class_a_pixel() {
    let error = ClassMap::new(4, 3, vec![0; 10]).unwrap_err();
    assert_eq!(error.to_string(), "class map of shape 3×4 needs 12 values, got 10");
    assert!(ClassMap::new(0, 3, vec![]).is_err());
}

#[test]
fn resizing_takes_the_nearest_as_pictures_do() {
    let classes: Vec<u8> = (0..54u32).map(|i| (i * 5 % 21) as u8).collect();
    let classes = map(6, 9, &classes);
    let grey = RgbImage::from_fn(6, 9, |x, y| Rgb([classes.classes()[(y * 6 + x) as usize]; 3]));
    for (width, height) in [(5, 15), (1, 1), (13, 2), (6, 9)] {
        let got = classes.resize(width, height).unwrap();
        let want = resize(&grey, width, height, Filter::Nearest).unwrap();
        let want: Vec<u8> = want.pixels().map(|pixel| pixel[0]).collect();
        assert_eq!(got, map(width, height, &want));
    }
    assert!(matches!(classes.resize(0, 4), Err(Error::ImpossibleSize { .. })));
    assert!(classes.resize(u32::MAX, u32::MAX).is_err());
}

#[test]
fn cropping_undoes_padding() {
    let classes = map(3, 2, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(classes.crop_top_left(2, 2).unwrap(), map(2, 2, &[1, 2, 4, 5]));
    assert_eq!(classes.crop_top_left(3, 1).unwrap(), map(3, 1, &[1, 2, 3]));
    assert!(classes.crop_top_left(4, 1).is_err());
    assert!(classes.crop_top_left(0, 1).is_err());
}

/// The colours that the development kit lists for its 21 classes and the border.
#[test]
fn voc_colours() {
    let palette = voc_palette();
    let listed = [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
        [0, 128, 128],
        [128, 128, 128],
        [64, 0, 0],
        [192, 0, 0],
        [64, 128, 0],
        [192, 128, 0],
        [64, 0, 128],
        [192, 0, 128],
        [64, 128, 128],
        [192, 128, 128],
        [0, 64, 0],
        [128, 64, 0],
        [0, 192, 0],
        [128, 192, 0],
        [0, 64, 128],
    ];
    assert_eq!(palette[..21], listed);
    assert_eq!(palette[255], [224, 224, 192]);
    let mut distinct = palette.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 256);
}

#[test]
fn the_palette_png_keeps_class_numbers_and_shows_colours() {
    let classes = map(16, 16, &(0..=255).collect::<Vec<u8>>());
    let palette = voc_palette();
    let bytes = palette_png(&classes, &palette).unwrap();

    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    assert_eq!(reader.info().bit_depth, png::BitDepth::Eight);
    let mut numbers = vec![0; 256];
    reader.next_frame(&mut numbers).unwrap();
    assert_eq!(numbers, classes.classes());

    let shown = decode_rgb8("palette", &bytes, &Limits::default()).unwrap();
    assert_eq!(shown.as_raw(), palette.as_flattened());

    let path = empty_folder("palette").join("mask.png");
    write_palette_png(&path, &classes, &palette).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(load_rgb8(&path, &Limits::default()).unwrap(), shown);
}

#[test]
fn overlays_blend() {
    let image = load("decode_rgba.rgb.png");
    let (width, height) = image.dimensions();
    let classes = map(width, height, &vec![1; (width * height) as usize]);
    let palette = voc_palette();
    assert_eq!(overlay(&image, &classes, &palette, 0.0).unwrap(), image);
    let flat = RgbImage::from_pixel(width, height, Rgb([128, 0, 0]));
    assert_eq!(max_difference(&overlay(&image, &classes, &palette, 1.0).unwrap(), &flat), 0);
    let quarter = overlay(&image, &classes, &palette, 0.25).unwrap();
    for (blended, pixel) in quarter.pixels().zip(image.pixels()) {
        let [r, g, b] = pixel.0.map(|level| 0.75 * f32::from(level));
        assert_eq!(blended.0, [r + 32.0, g, b].map(|level| level.round() as u8));
    }
}

#[test]
fn bad_overlays() {
    let image = RgbImage::new(4, 3);
    let palette = voc_palette();
    let error = overlay(&image, &map(3, 4, &[0; 12]), &palette, 0.5).unwrap_err();
    assert_eq!(error.to_string(), "overlay: the picture is 4×3, the class map 3×4");
    for alpha in [-0.1, 1.1, f32::NAN] {
        let error = overlay(&image, &map(4, 3, &[0; 12]), &palette, alpha).unwrap_err();
        assert!(matches!(error, Error::BadAlpha { .. }), "{error}");
    }
}
