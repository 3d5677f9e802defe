//! Options outside of their range are refused before anything is read.

use crate::support::{Custom, assert_has, masked, names, numbered, options, pixels, text};
use atrous_train::data::{Augment, Crop, DataError, Dataset, Loader, LoaderOptions, Sample};
use atrous_vision::{Normalize, Preprocess, RgbImage};
use std::sync::Arc;

fn refused(options: LoaderOptions) -> String {
    text(Loader::new(Arc::new(numbered(10, 3)), options))
}

#[test]
fn sizes_and_counts() {
    assert_has(&refused(options(0, [1, 1])), &["batch must be at least 1, got 0"]);
    assert_has(&refused(options(1, [0, 4])), &["size must be at least 1×1, got 0×4"]);
    assert_has(&refused(options(1, [4, 0])), &["size", "got 4×0"]);
    assert_has(&refused(options(usize::MAX, [usize::MAX, 9])), &["batch and size must be at most 2147483648 values"]);
    assert_has(&refused(LoaderOptions { ahead: 0, ..options(1, [1, 1]) }), &["ahead must be at least 1, got 0"]);
    let drop_last = LoaderOptions { drop_last: true, ..options(11, [1, 1]) };
    assert_has(&refused(drop_last), &["batch must be at most the 10 samples", "got 11"]);
    assert!(Loader::new(Arc::new(numbered(10, 3)), LoaderOptions { drop_last: true, ..options(10, [1, 1]) }).is_ok());
}

#[test]
fn the_ignore_label() {
    let classes = LoaderOptions { ignore_label: 2, ..options(1, [1, 1]) };
    assert_has(&refused(classes), &["ignore_label must be none of the 3 classes, got 2"]);
    let new = |ignore_label| {
        let data = Arc::new(masked(RgbImage::new(1, 1), vec![0], 2));
        Loader::new(data, LoaderOptions { ignore_label, ..options(1, [1, 1]) })
    };
    assert_has(&text(new(256)), &["ignore_label must be at most 255 for masks, got 256"]);
    assert!(new(0).is_ok(), "a class of pixels may be ignored");
}

#[test]
fn random_changes() {
    let nan = f64::NAN;
    for (augment, parts) in [
        (Augment { horizontal_flip: 1.1, ..Augment::NONE }, ["horizontal_flip must be within 0 to 1", "1.1"]),
        (Augment { vertical_flip: -0.1, ..Augment::NONE }, ["vertical_flip must be within 0 to 1", "-0.1"]),
        (Augment { horizontal_flip: nan, ..Augment::NONE }, ["horizontal_flip", "NaN"]),
        (Augment { rotation: 181.0, ..Augment::NONE }, ["rotation must be within 0 to 180 degrees", "181"]),
        (Augment { rotation: -1.0, ..Augment::NONE }, ["rotation", "-1"]),
        (Augment { brightness: -0.5, ..Augment::NONE }, ["brightness must be finite and 0 or more", "-0.5"]),
        (Augment { contrast: f64::INFINITY, ..Augment::NONE }, ["contrast must be finite", "inf"]),
        (Augment { scale: (0.0, 1.0), ..Augment::NONE }, ["scale must be finite and above 0", "0 to 1"]),
        (Augment { scale: (2.0, 1.0), ..Augment::NONE }, ["the first not above the second", "2 to 1"]),
        (Augment { scale: (1.0, f64::INFINITY), ..Augment::NONE }, ["scale", "1 to inf"]),
        (Augment { scale: (nan, 1.0), ..Augment::NONE }, ["scale", "NaN to 1"]),
    ] {
        assert_has(&text(augment.check()), &parts);
        assert_has(&refused(LoaderOptions { augment, ..options(1, [1, 1]) }), &parts);
    }
    assert!(Augment::default().check().is_ok());
    let of_window = |augment| refused(LoaderOptions { augment, ..options(1, [16, 8]) });
    let scale = of_window(Augment { scale: (1.0, 1e300), ..Augment::NONE });
    assert_has(&scale, &["scale must be such that the largest picture has at most 2²⁸ pixels"]);
    let padding = of_window(Augment { crop: Crop::Random { padding: 8 }, ..Augment::NONE });
    assert_eq!(padding, "padding must be below the 16×8 of the pictures, else some show nothing, got 8");
}

#[test]
fn constants_of_the_preprocessing() {
    let preprocess = Preprocess::new(Normalize::Torch { mean: [0.5; 3], std: [0.5, 0.0, 0.5] });
    assert_has(&refused(LoaderOptions { preprocess, ..options(1, [1, 1]) }), &["std of channel 1", "got 0"]);
}

#[test]
fn datasets_that_cannot_be_trained_on() {
    let custom = |samples, class_names: Vec<String>| {
        let targets = pixels(class_names.len());
        let read = |index| -> Result<Sample, DataError> { Err(DataError::Index { index, len: 0 }) };
        Arc::new(Custom { samples, class_names, targets, read })
    };
    let new = |dataset: Arc<dyn Dataset>| text(Loader::new(dataset, options(1, [1, 1])));
    assert_has(&new(custom(0, names(&["a", "b"]))), &["no samples"]);
    assert_has(&new(custom(5, names(&["a"]))), &["custom 0: only one class, \"a\""]);
    assert_has(&new(custom(5, vec![])), &["no classes"]);
}
