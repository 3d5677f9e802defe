//! Folders of pictures and masks, and the layout of Pascal VOC.

use crate::support::{assert_has, mask_of, names, pixels, png_of, temporary, text, write, write_picture};
use atrous_train::data::{DataError, Dataset, MaskFolder, VOC_CLASSES};
use png::{BitDepth, ColorType};
use std::path::Path;

fn write_mask(root: &Path, name: &str, classes: &[u8]) {
    write(root, name, &png_of((classes.len() as u32, 1), ColorType::Indexed, BitDepth::Eight, classes));
}

fn open(root: &Path) -> Result<MaskFolder, DataError> {
    MaskFolder::open(root.join("images"), root.join("masks"), names(&["back", "front"]))
}

#[test]
fn pairs_by_name() {
    let root = temporary();
    let root = root.path();
    write_picture(root, "images/b.jpg", (2, 1), [5, 6, 7]);
    write_picture(root, "images/a.x.png", (3, 1), [1, 2, 3]);
    write_mask(root, "masks/b.png", &[0, 1]);
    write_mask(root, "masks/a.x.png", &[1, 255, 0]);
    write(root, "masks/notes.txt", b"");
    let data = open(root).unwrap();
    assert_eq!((data.len(), data.targets()), (2, pixels(data.class_names().len())));
    assert_eq!(data.class_names(), ["back", "front"]);
    let first = data.get(0).unwrap();
    assert_eq!(first.image.pixels(), [1, 2, 3].repeat(3));
    assert_eq!(mask_of(&first).classes(), [1, 255, 0]);
    assert_eq!(mask_of(&data.get(1).unwrap()).classes(), [0, 1]);
    assert_eq!(data.describe(1), root.join("masks/b.png").display().to_string());
    assert_eq!((data.class_of(0), data.describe(2)), (None, "mask 2".to_owned()));
    assert_eq!(text(data.get(2)), "sample 2 of a dataset of 2");
}

#[test]
fn what_has_no_partner() {
    let root = temporary();
    let root = root.path();
    for name in ["1", "2", "3"] {
        write_picture(root, &format!("images/{name}.png"), (1, 1), [0; 3]);
    }
    write_mask(root, "masks/1.png", &[0]);
    let error = open(root).unwrap_err();
    assert!(matches!(error, DataError::Unpaired { others: 1, .. }), "{error}");
    assert_has(&error.to_string(), &["images/2.png", "no mask named \"2\"", "masks", "1 more"]);
    for name in ["2", "3", "4"] {
        write_mask(root, &format!("masks/{name}.png"), &[0]);
    }
    assert_has(&text(open(root)), &["masks/4.png", "no picture named \"4\"", "images"]);
    write_picture(root, "images/4.png", (1, 1), [0; 3]);
    write_picture(root, "images/4.jpg", (1, 1), [0; 3]);
    assert_has(&text(open(root)), &["4.jpg", "4.png", "two files for one sample"]);
}

#[test]
fn missing_and_empty_folders() {
    let root = temporary();
    let root = root.path();
    assert_has(&text(open(root)), &["images: no such folder"]);
    std::fs::create_dir(root.join("images")).unwrap();
    assert_has(&text(open(root)), &["masks: no such folder"]);
    std::fs::create_dir(root.join("masks")).unwrap();
    assert_has(&text(open(root)), &["images: no samples"]);
    write_picture(root, "images/1.png", (1, 1), [0; 3]);
    assert_has(&text(open(root)), &["masks: no samples"]);
    write_mask(root, "masks/1.png", &[0]);
    assert_eq!(open(root).unwrap().len(), 1);
    let one = MaskFolder::open(root.join("images"), root.join("masks"), names(&["thing"]));
    assert_has(&text(one), &["only one class, \"thing\""]);
    assert_has(&text(MaskFolder::open(root.join("images"), root.join("masks"), vec![])), &["no classes"]);
}

fn voc_files(voc: &Path) {
    for (index, id) in ["2007_000032", "2007_000039", "2007_000063"].into_iter().enumerate() {
        write_picture(voc, &format!("JPEGImages/{id}.jpg"), (2, 1), [index as u8; 3]);
        write_mask(voc, &format!("SegmentationClass/{id}.png"), &[20, 255]);
    }
    write_picture(voc, "JPEGImages/2008_without_mask.jpg", (1, 1), [0; 3]);
    write(voc, "ImageSets/Segmentation/train.txt", b"2007_000063\n2007_000032\n");
    write(voc, "ImageSets/Segmentation/val.txt", b"2007_000039 \r\n\r\n");
    write(voc, "ImageSets/Segmentation/trainval.txt", b"2007_000032\n2007_000039\n2007_000063");
}

#[test]
fn voc_is_found_from_three_folders() {
    let root = temporary();
    let root = root.path();
    let voc = root.join("VOCdevkit/VOC2012");
    voc_files(&voc);
    for start in [root, &root.join("VOCdevkit"), &voc] {
        let train = MaskFolder::voc(start, "train").unwrap();
        assert_eq!(train.class_names(), VOC_CLASSES);
        let pixels: Vec<u8> = (0..train.len()).map(|i| train.get(i).unwrap().image.pixels()[0]).collect();
        assert_eq!(pixels, [2, 0], "in the order of the list");
        assert_eq!(mask_of(&train.get(0).unwrap()).classes(), [20, 255]);
        assert_eq!(MaskFolder::voc(start, "val").unwrap().len(), 1);
        assert_eq!(MaskFolder::voc(start, "trainval").unwrap().len(), 3);
    }
}

#[test]
fn voc_with_faults() {
    let root = temporary();
    let root = root.path();
    assert_has(&text(MaskFolder::voc(root, "train")), &["ImageSets/Segmentation: no such folder"]);
    voc_files(root);
    assert_has(&text(MaskFolder::voc(root, "tran")), &["Segmentation/tran.txt: no such file"]);
    let list = |content: &str| write(root, "ImageSets/Segmentation/train.txt", content.as_bytes());
    list("\n");
    assert_has(&text(MaskFolder::voc(root, "train")), &["train.txt: no samples", "one name a line"]);
    list("2007_000032\n../secret\n");
    assert_has(&text(MaskFolder::voc(root, "train")), &["train.txt: line 2", "\"../secret\""]);
    list("2007_000032 1\n");
    assert_has(&text(MaskFolder::voc(root, "train")), &["line 1", "\"2007_000032 1\""]);
    write(root, "ImageSets/Segmentation/train.txt", &[0xFF, 0xFE, 0xFF]);
    assert_has(&text(MaskFolder::voc(root, "train")), &["train.txt: cannot read"]);
    list("2007_000099\n");
    let error = MaskFolder::voc(root, "train").unwrap().get(0).unwrap_err();
    assert!(error.is_broken_sample());
    assert_has(&error.to_string(), &["JPEGImages/2007_000099.jpg: no such file"]);
    list("2008_without_mask\n");
    let error = text(MaskFolder::voc(root, "train").unwrap().get(0));
    assert_has(&error, &["SegmentationClass/2008_without_mask.png: no such file"]);
}
