//! Resizing against Pillow's results in `tests/data`.

use crate::support::{load, max_difference, pattern};
use atrous_vision::{Error, Filter, resize};

#[test]
fn equals_pillow_within_one_grey_level() {
    let filters = [
        ("nearest", Filter::Nearest, 0),
        ("bilinear", Filter::Bilinear, 1),
        ("bicubic", Filter::Bicubic, 1),
        ("lanczos", Filter::Lanczos, 1),
    ];
    let sizes = [
        ((23, 17), (9, 7)),
        ((23, 17), (41, 30)),
        ((23, 17), (60, 5)),
        ((22, 40), (20, 13)),
        ((200, 150), (17, 13)),
        ((6, 9), (5, 15)),
    ];
    for (name, filter, allowed) in filters {
        for ((width, height), (to_width, to_height)) in sizes {
            let file = format!("resize_{name}_{width}x{height}_to_{to_width}x{to_height}.png");
            let got = resize(&pattern(width, height), to_width, to_height, filter).unwrap();
            let off = max_difference(&got, &load(&file));
            assert!(off <= allowed, "{file}: {off} grey levels off, allowed {allowed}");
        }
    }
}

#[test]
fn the_same_size_changes_nothing() {
    let image = pattern(7, 5);
    for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
        assert_eq!(resize(&image, 7, 5, filter).unwrap(), image);
    }
}

#[test]
fn one_pixel_becomes_a_flat_picture() {
    let image = pattern(1, 1);
    for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
        let large = resize(&image, 40, 3, filter).unwrap();
        assert!(large.pixels().all(|pixel| pixel == image.get_pixel(0, 0)));
    }
}

#[test]
fn impossible_sizes() {
    let error = resize(&pattern(6, 4), 0, 10, Filter::Bilinear).unwrap_err();
    assert!(matches!(error, Error::ImpossibleSize { .. }));
    assert_eq!(error.to_string(), "resize from 6×4 to 0×10: every side needs at least 1 pixel");
    let error = resize(&pattern(6, 4), 20_000, 20_000, Filter::Nearest).unwrap_err();
    assert_eq!(error.to_string(), "resize from 6×4 to 20000×20000: the result is limited to 268435456 pixels");
    assert!(resize(&pattern(6, 4), u32::MAX, u32::MAX, Filter::Bilinear).is_err());
    let empty = atrous_vision::RgbImage::new(0, 4);
    assert!(resize(&empty, 3, 3, Filter::Bilinear).is_err());
}
