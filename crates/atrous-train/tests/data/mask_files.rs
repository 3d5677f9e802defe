//! Masks are read as they are stored.

use crate::support::{assert_has, png_of, temporary, text, write};
use atrous_train::data::{DataError, read_mask};
use atrous_vision::{ClassMap, ErrorKind, voc_palette, write_palette_png};
use png::{BitDepth, ColorType};

#[test]
fn every_depth_with_palette_and_grey() {
    let folder = temporary();
    // Three pixels a row: rows end within a byte.
    let cases: [(BitDepth, &[u8], [u8; 6]); 4] = [
        (BitDepth::One, &[0b1010_0000, 0b0110_0000], [1, 0, 1, 0, 1, 1]),
        (BitDepth::Two, &[0b11_00_10_00, 0b01_10_00_00], [3, 0, 2, 1, 2, 0]),
        (BitDepth::Four, &[0x1F, 0x20, 0x0A, 0x50], [1, 15, 2, 0, 10, 5]),
        (BitDepth::Eight, &[0, 1, 255, 20, 21, 128], [0, 1, 255, 20, 21, 128]),
    ];
    for (depth, rows, want) in cases {
        for color in [ColorType::Indexed, ColorType::Grayscale] {
            let mut png = png_of((3, 2), color, BitDepth::Eight, &want);
            if depth != BitDepth::Eight {
                png = png_of((3, 2), color, depth, rows);
            }
            let mask = read_mask(write(folder.path(), "mask.png", &png)).unwrap();
            assert_eq!((mask.width(), mask.height()), (3, 2));
            assert_eq!(mask.classes(), want, "{color:?} {depth:?}");
        }
    }
}

#[test]
fn what_the_framework_writes() {
    let folder = temporary();
    let path = folder.path().join("mask.png");
    let mask = ClassMap::new(16, 16, (0..=255).collect()).unwrap();
    write_palette_png(&path, &mask, &voc_palette()).unwrap();
    assert_eq!(read_mask(&path).unwrap(), mask);
}

#[test]
fn kinds_that_hold_no_class_numbers() {
    let folder = temporary();
    let kinds = [
        (ColorType::Rgb, BitDepth::Eight, 3, "RGB of 8 bits"),
        (ColorType::Rgba, BitDepth::Eight, 4, "RGB with alpha of 8 bits"),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, 2, "grey with alpha of 8 bits"),
        (ColorType::Grayscale, BitDepth::Sixteen, 2, "grey of 16 bits"),
    ];
    for (color, depth, bytes, found) in kinds {
        let path = write(folder.path(), "mask.png", &png_of((1, 1), color, depth, &vec![0; bytes]));
        let error = read_mask(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.is_broken_sample());
        assert_has(&error.to_string(), &[&path.display().to_string(), found]);
    }
}

#[test]
fn damaged_files() {
    let folder = temporary();
    let values: Vec<u8> = (0..200u32 * 200).map(|i| (i * i % 251) as u8).collect();
    let whole = png_of((200, 200), ColorType::Indexed, BitDepth::Eight, &values);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let mut huge = whole.clone();
    huge[16..20].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF]);
    for content in [b"".as_slice(), b"hello, this is text", &whole[..20], &whole[..middle], &flipped, &huge] {
        let path = write(folder.path(), "mask.png", content);
        let error = read_mask(&path).unwrap_err();
        assert!(matches!(error, DataError::DamagedMask { .. }), "{error}");
        assert!(error.is_broken_sample());
        assert_has(&error.to_string(), &[&path.display().to_string(), "not a readable PNG mask"]);
    }
    // A header that asks for more than the limit, with a right checksum.
    let wide = png_of((20_000, 1), ColorType::Grayscale, BitDepth::One, &[0; 2500]);
    assert_has(&text(read_mask(write(folder.path(), "mask.png", &wide))), &["20000×1", "limited to 16384"]);
    assert_has(&text(read_mask(folder.path().join("none.png"))), &["none.png", "no such file"]);
    assert_has(&text(read_mask(folder.path())), &["cannot read"]);
}
