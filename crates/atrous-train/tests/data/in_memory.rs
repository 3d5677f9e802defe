//! Pictures, and samples held in memory.

use crate::support::{assert_has, classes, names, numbered, pixels, text};
use atrous_train::data::{DataError, Dataset, InMemory, Picture, Sample, Target};
use atrous_vision::{ClassMap, RgbImage};
use std::sync::Arc;

fn labelled(target: Target) -> Sample {
    Sample { image: Picture::new(2, 1, 1, vec![0, 9]).unwrap(), targets: vec![target] }
}

fn mask(width: u32, height: u32, class: u8) -> Target {
    Target::Mask(ClassMap::new(width, height, vec![class; (width * height) as usize]).unwrap())
}

fn two() -> Vec<String> {
    names(&["cat", "dog"])
}

#[test]
fn pictures_hold_what_their_shape_says() {
    let grey = Picture::new(2, 1, 1, vec![3, 9]).unwrap();
    assert_eq!(grey.into_rgb().into_raw(), [3, 3, 3, 9, 9, 9]);
    let rgb = Picture::new(1, 1, 3, vec![1, 2, 3]).unwrap();
    assert_eq!(rgb.into_rgb().into_raw(), [1, 2, 3]);
    for (width, height, channels, values) in
        [(2, 2, 1, 3), (2, 2, 3, 13), (0, 2, 1, 0), (2, 0, 3, 0), (1, 1, 2, 2), (1, 1, 4, 4), (1, 1, 0, 0)]
    {
        let error = text(Picture::new(width, height, channels, vec![0; values]));
        assert_has(&error, &[&format!("{width}×{height} picture of {channels} channels"), &format!("got {values}")]);
    }
    assert!(Picture::new(u32::MAX, u32::MAX, 3, vec![]).is_err());
    assert!(Picture::try_from(RgbImage::new(0, 3)).is_err());
}

#[test]
fn both_tasks() {
    let data = InMemory::new("pets", two(), vec![labelled(Target::Class(0)), labelled(Target::Class(1))]).unwrap();
    assert_eq!((data.len(), data.is_empty(), data.targets()), (2, false, classes(2)));
    assert_eq!((data.class_of(1), data.class_of(2)), (Some(1), None));
    assert_eq!(data.describe(1), "pets: sample 1");
    assert_eq!(text(data.get(2)), "sample 2 of a dataset of 2");
    let data = InMemory::new("pets", two(), vec![labelled(mask(2, 1, 255)), labelled(mask(2, 1, 1))]).unwrap();
    assert_eq!((data.targets(), data.class_of(0)), (pixels(2), None));
    assert_eq!(data.get(1).unwrap(), labelled(mask(2, 1, 1)));
}

#[test]
fn a_shared_dataset_is_one() {
    let data = numbered(4, 2);
    let shared: Arc<dyn Dataset> = Arc::new(data.clone());
    assert_eq!((shared.len(), shared.is_empty(), shared.targets()), (4, false, data.targets()));
    assert_eq!(shared.class_names(), data.class_names());
    assert_eq!(Dataset::get(&shared, 3).unwrap(), data.get(3).unwrap());
    assert_eq!((Dataset::describe(&shared, 3), Dataset::class_of(&shared, 3)), (data.describe(3), data.class_of(3)));
}

#[test]
fn what_is_refused() {
    let new = |class_names, samples| text(InMemory::new("pets", class_names, samples));
    assert_has(&new(two(), vec![]), &["pets: no samples"]);
    assert_has(&new(names(&["cat"]), vec![labelled(Target::Class(0))]), &["pets: only one class, \"cat\""]);
    assert_has(&new(vec![], vec![labelled(Target::Class(0))]), &["pets: no classes"]);
    assert_has(&new(two(), vec![labelled(Target::Class(1)); 3]), &["only one class, \"dog\"", "at least two"]);
    let outside = new(two(), vec![labelled(Target::Class(0)), labelled(Target::Class(2))]);
    assert_has(&outside, &["pets: sample 1: label 2 is none of the 2 classes, 0 to 1"]);
    // 255 is a class like any other where it is no mask.
    assert_has(&new(two(), vec![labelled(Target::Class(255))]), &["label 255 is none of the 2 classes"]);
    let outside = new(two(), vec![labelled(mask(2, 1, 254))]);
    assert_has(&outside, &["pets: sample 0: label 254 is none of the 2 classes, 0 to 1, nor the ignored 255"]);
    assert_has(&new(two(), vec![labelled(mask(1, 2, 0))]), &["the mask is 1×2, but its picture is 2×1"]);
    let mixed = InMemory::new("pets", two(), vec![labelled(Target::Class(0)), labelled(mask(2, 1, 0))]).unwrap_err();
    assert!(matches!(mixed, DataError::WrongTarget { .. }), "{mixed}");
    assert_has(
        &mixed.to_string(),
        &["pets: sample 1", "promises \"labels\": one of 2 classes a picture; the sample has one of 2 classes a pixel"],
    );
}
