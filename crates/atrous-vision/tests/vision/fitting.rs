//! Sizes and offsets of torchvision's transforms, and padding.

use crate::support::pattern;
use atrous_vision::{Error, Filter, Fit, RgbImage};
use atrous_vision::{center_crop, pad_bottom_right, pad_to_multiple, resize, resize_shorter_side};
use image::Rgb;

#[test]
fn shorter_side_follows_torchvision() {
    for ((width, height), side, want) in [
        ((64, 48), 25, (33, 25)), // 33.33
        ((48, 64), 25, (25, 33)),
        ((50, 50), 20, (20, 20)),
        ((37, 100), 32, (32, 86)), // 86.49
        ((100, 37), 74, (200, 74)),
        ((50, 30), 29, (48, 29)), // 48.33
        ((1, 3), 7, (7, 21)),
    ] {
        let image = pattern(width, height);
        let got = resize_shorter_side(&image, side, Filter::Bilinear).unwrap();
        assert_eq!(got.dimensions(), want, "{width}×{height} to {side}");
        assert_eq!(got, resize(&image, want.0, want.1, Filter::Bilinear).unwrap());
    }
}

#[test]
fn shorter_side_refuses_the_impossible() {
    let strip = RgbImage::new(1, 16_384);
    let error = resize_shorter_side(&strip, 256, Filter::Bilinear).unwrap_err();
    let Error::ImpossibleSize { from, to, .. } = error else { panic!("{error}") };
    assert_eq!((from, to), ((1, 16_384), (256, 4_194_304)));
    assert!(resize_shorter_side(&strip, 0, Filter::Bilinear).is_err());
    assert!(resize_shorter_side(&RgbImage::new(0, 0), 8, Filter::Bilinear).is_err());
    assert!(resize_shorter_side(&strip, u32::MAX, Filter::Bilinear).is_err());
}

/// Python's `round` takes halves to the even neighbour.
#[test]
fn centre_crop_rounds_as_torchvision() {
    for (size, crop, offset) in
        [(10, 10, 0), (11, 10, 0), (12, 10, 1), (13, 10, 2), (15, 10, 2), (17, 10, 4), (320, 299, 10)]
    {
        let image = RgbImage::from_fn(size, 3, |x, y| Rgb([(x % 256) as u8, (x / 256) as u8, y as u8]));
        let cropped = center_crop(&image, crop, 1).unwrap();
        assert_eq!(cropped.dimensions(), (crop, 1));
        assert_eq!(cropped.get_pixel(0, 0), image.get_pixel(offset, 1), "{size} to {crop}");
        assert_eq!(cropped.get_pixel(crop - 1, 0), image.get_pixel(offset + crop - 1, 1));
    }
}

#[test]
fn centre_crop_pads_small_pictures_with_black() {
    let image = RgbImage::from_pixel(3, 9, Rgb([5, 6, 7]));
    let cropped = center_crop(&image, 6, 4).unwrap();
    for y in 0..4 {
        for x in 0..6 {
            // 3 columns are missing: 1 before, 2 after.
            let inside = (1..4).contains(&x);
            let want = if inside { [5, 6, 7] } else { [0; 3] };
            assert_eq!(cropped.get_pixel(x, y).0, want, "({x}, {y})");
        }
    }
    assert!(matches!(center_crop(&image, 0, 4), Err(Error::ImpossibleSize { .. })));
}

#[test]
fn padding_goes_right_and_down() {
    let image = pattern(5, 8);
    let padded = pad_to_multiple(&image, 4, [1, 2, 3]).unwrap();
    assert_eq!(padded.dimensions(), (8, 8));
    for (x, y, pixel) in padded.enumerate_pixels() {
        let want = if x < 5 { *image.get_pixel(x, y) } else { Rgb([1, 2, 3]) };
        assert_eq!(*pixel, want);
    }
    assert_eq!(pad_to_multiple(&image, 1, [0; 3]).unwrap(), image);
    assert!(matches!(pad_to_multiple(&image, 0, [0; 3]), Err(Error::ZeroMultiple)));
    assert!(pad_to_multiple(&image, u32::MAX, [0; 3]).is_err());
    let error = pad_bottom_right(&image, 5, 7, [0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "padding from 5×8 to 5×7: padding cannot shrink a side");
}

#[test]
fn policies_apply_their_functions() {
    let image = pattern(40, 30);
    let fit = |policy: Fit| policy.apply(&image, Filter::Bicubic).unwrap();
    assert_eq!(fit(Fit::Keep), image);
    assert_eq!(fit(Fit::Stretch { width: 9, height: 11 }), resize(&image, 9, 11, Filter::Bicubic).unwrap());
    let shorter = resize_shorter_side(&image, 16, Filter::Bicubic).unwrap();
    assert_eq!(fit(Fit::ShorterSide { side: 16 }), shorter);
    assert_eq!(fit(Fit::ShorterSideCrop { side: 16, width: 14, height: 13 }), center_crop(&shorter, 14, 13).unwrap());
    let padded = fit(Fit::PadToMultiple { multiple: 32, fill: [127; 3] });
    assert_eq!(padded.dimensions(), (64, 32));
}
