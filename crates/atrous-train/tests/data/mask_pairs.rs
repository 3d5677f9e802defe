//! How pictures find their masks: names with suffixes, Unicode's normal forms, EXIF orientations.

use crate::support::{
    assert_has, loader, mask_of, names, options, png_of, temporary, text, write, write_picture, write_turned,
};
use atrous_train::data::{DataError, Dataset, Exif, Loader, MaskFolder, Part, Survey};
use png::{BitDepth, ColorType};
use std::path::Path;

fn write_mask(root: &Path, name: &str, size: (u32, u32), classes: &[u8]) {
    write(root, name, &png_of(size, ColorType::Grayscale, BitDepth::Eight, classes));
}

/// Pictures and masks of these names.
fn files(pictures: &[&str], masks: &[&str]) -> tempfile::TempDir {
    let root = temporary();
    pictures.iter().for_each(|name| drop(write_picture(root.path(), name, (1, 1), [0; 3])));
    masks.iter().for_each(|name| write_mask(root.path(), name, (1, 1), &[1]));
    root
}

fn open(root: &Path, suffix: Option<&str>) -> Result<MaskFolder, DataError> {
    let (images, masks, names) = (root.join("images"), root.join("masks"), names(&["back", "front"]));
    match suffix {
        Some(suffix) => MaskFolder::open_with_suffix(images, masks, suffix, names),
        None => MaskFolder::open(images, masks, names),
    }
}

#[test]
fn usual_suffixes_are_found_and_others_can_be_given() {
    for suffix in
        ["_mask", "-mask", ".mask", "_masks", "_Mask", "_label", "_labels", "_seg", "_segmentation", "_GT", "_L"]
    {
        let masks = ["a", "b"].map(|name| format!("masks/{name}{suffix}.png"));
        let root = files(&["images/a.png", "images/b.jpg"], &masks.each_ref().map(String::as_str));
        let data = open(root.path(), None).unwrap_or_else(|error| panic!("{suffix}: {error}"));
        assert_eq!((data.len(), data.describe(1)), (2, root.path().join(&masks[1]).display().to_string()));
    }
    let root =
        files(&["images/1.png", "images/2.png"], &["masks/1_final.png", "masks/2_final.png", "masks/readme.png"]);
    let error = text(open(root.path(), None));
    let hint = "there is one whose name ends with \"_final\": if all do, `--mask-suffix _final` pairs them";
    assert_has(&error, &["images/1.png: no mask named \"1\"", hint]);
    assert_eq!(open(root.path(), Some("_final")).unwrap().len(), 2);
    assert_has(&text(open(root.path(), Some("_m"))), &["masks: no samples", "names end with \"_m\""]);
    let root = files(&["images/1.png", "images/2.png", "images/3.png"], &["masks/1_mask.png", "masks/2_mask.png"]);
    assert_has(&text(open(root.path(), None)), &["images/3.png: no mask named \"3_mask\""]);
    // `10` is no mask of `1`.
    let root = files(&["images/1.png"], &["masks/10.png"]);
    assert!(!text(open(root.path(), None)).contains("suffix"));
}

#[test]
fn pictures_and_masks_may_share_a_folder() {
    let root = files(&["all/a.png", "all/b.png"], &["all/a_mask.png", "all/b_mask.png"]);
    let all = root.path().join("all");
    let data = MaskFolder::open(&all, &all, names(&["back", "front"])).unwrap();
    assert_eq!((data.len(), mask_of(&data.get(0).unwrap()).classes()), (2, &[1][..]));
    let root = files(&["all/a.png"], &["all/b.png"]);
    let all = root.path().join("all");
    assert_has(
        &text(MaskFolder::open(&all, &all, names(&["back", "front"]))),
        &["in one folder", "`--mask-suffix SUFFIX`"],
    );
}

#[test]
fn normal_forms_of_a_name_are_one_name() {
    let root = files(&["images/caf\u{e9}.png"], &["masks/cafe\u{301}.png"]);
    assert_eq!(open(root.path(), None).unwrap().len(), 1);
}

#[test]
fn voc_has_pictures_of_any_extension() {
    let root = files(&["JPEGImages/a.JPG", "JPEGImages/b.jpeg", "JPEGImages/c.jpg", "JPEGImages/c.JPG"], &[]);
    let root = root.path();
    ["a.PNG", "b.png", "c.png"]
        .iter()
        .for_each(|mask| write_mask(root, &format!("SegmentationClass/{mask}"), (1, 1), &[0]));
    write(root, "ImageSets/Segmentation/train.txt", b"a\nb\nc\n");
    let data = MaskFolder::voc(root, "train").unwrap();
    (0..3).for_each(|i| drop(data.get(i).unwrap()));
    let of = |index: usize| data.files(index)[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!([of(0), of(1), of(2)], ["a.JPG", "b.jpeg", "c.jpg"]);
}

/// The findings about pictures with this EXIF orientation.
fn turned(data: MaskFolder) -> Vec<String> {
    let loader: Loader = loader(data, options(1, [2, 2]));
    let survey = Survey::of(&loader, 9, &|_, _| {}).unwrap();
    let texts = survey.findings(Part::Train).iter().map(ToString::to_string).collect::<Vec<_>>();
    texts.into_iter().filter(|text| text.contains("EXIF")).collect()
}

#[test]
fn a_mask_drawn_on_the_stored_picture_is_told_by_its_size() {
    for orientation in 5..=8 {
        let root = temporary();
        let root = root.path();
        write_turned(root, "images/1.png", (3, 2), orientation);
        write_mask(root, "masks/1.png", (3, 2), &[1, 0, 0, 0, 0, 0]);
        let data = open(root, None).unwrap();
        let error = data.get(0).unwrap_err();
        let parts =
            ["the mask is 3×2, but its picture is 2×3", "EXIF orientation", "`--exif raw` reads all pictures so"];
        assert_has(&error.to_string(), &[&parts[..], &[&format!("orientation {orientation}")]].concat());
        assert!(error.is_broken_sample() && text(data.inspect(0)) == error.to_string());
        let raw = data.with_exif(Exif::Raw);
        let sample = raw.get(0).unwrap();
        assert_eq!((sample.image.width(), sample.image.pixels()[0], mask_of(&sample).classes()[0]), (3, 255, 1));
        assert_eq!(turned(raw), [""; 0]);
        // The other way round.
        write_mask(root, "masks/1.png", (2, 3), &[1, 0, 0, 0, 0, 0]);
        let raw = text(open(root, None).unwrap().with_exif(Exif::Raw).get(0));
        assert_has(&raw, &["the mask is 2×3, but its picture is 3×2", "`--exif apply` reads all pictures so"]);
        let applied = open(root, None).unwrap();
        assert_eq!((applied.get(0).unwrap().image.width(), turned(applied)), (2, vec![]));
    }
}

#[test]
fn a_turn_that_keeps_the_size_is_a_warning_until_it_is_decided() {
    for (orientation, size) in [(2, (3, 2)), (3, (3, 2)), (4, (3, 2)), (6, (2, 2)), (8, (2, 2))] {
        let root = temporary();
        write_turned(root.path(), "images/1.png", size, orientation);
        write_mask(root.path(), "masks/1.png", size, &vec![1; (size.0 * size.1) as usize]);
        let data = open(root.path(), None).unwrap();
        let warnings = turned(data.clone());
        assert_eq!(warnings.len(), 1, "orientation {orientation}");
        let name = format!("images/1.png (orientation {orientation})");
        assert_has(&warnings[0], &["1 of 1 pictures are turned", &name, "`--exif raw`", "`--exif apply`"]);
        assert_ne!(data.get(0).unwrap().image.pixels()[0], 255);
        for exif in [Exif::Raw, Exif::Apply] {
            assert_eq!(turned(data.clone().with_exif(exif)), [""; 0]);
        }
        assert_eq!(data.with_exif(Exif::Raw).get(0).unwrap().image.pixels()[0], 255);
    }
}
