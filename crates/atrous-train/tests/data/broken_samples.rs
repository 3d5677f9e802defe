//! Broken samples are named, and refused or skipped, as asked.

use crate::support::{
    Custom, assert_has, classes, levels, loader, names, options, pixels, png_of, temporary, write, write_picture,
};
use atrous_train::data::{
    Batch, DataError, ImageFolder, Loader, LoaderOptions, MaskFolder, OnBroken, Picture, Sample, Skipped, Target,
};
use atrous_vision::{ClassMap, ErrorKind};
use png::{BitDepth, ColorType};
use std::path::Path;

/// Six pictures of two classes, of which those with the given numbers are broken.
fn folder(root: &Path, broken: &[u32]) -> ImageFolder {
    for number in 0..6 {
        let name = format!("{}/{number}.png", if number < 3 { "a" } else { "b" });
        match broken.contains(&number) {
            true => write(root, &name, b"\x89PNG\r\n\x1A\n broken"),
            false => write_picture(root, &name, (1, 1), [number as u8; 3]),
        };
    }
    ImageFolder::open(root).unwrap()
}

fn skipping(threads: usize) -> LoaderOptions {
    LoaderOptions { on_broken: OnBroken::Skip, threads, ..options(2, [1, 1]) }
}

fn read(loader: &Loader, first: usize) -> (Vec<Batch>, Option<DataError>) {
    let (mut batches, mut error) = (Vec::new(), None);
    for batch in loader.epoch(0, first) {
        assert!(error.is_none(), "an error is the last");
        match batch {
            Ok(batch) => batches.push(batch),
            Err(problem) => error = Some(problem),
        }
    }
    (batches, error)
}

#[test]
fn refused_by_name() {
    let root = temporary();
    for threads in [0, 3] {
        let loader = loader(folder(root.path(), &[3, 5]), LoaderOptions { threads, ..options(2, [1, 1]) });
        let (batches, error) = read(&loader, 0);
        assert_eq!(batches.len(), 1, "what comes before is given");
        assert_has(&error.unwrap().to_string(), &[&root.path().join("b/3.png").display().to_string(), "PNG"]);
        assert!(loader.skipped().is_empty());
    }
}

/// The bound is for one picture and for all that are read at once; it changes no batch.
#[test]
fn pictures_larger_than_the_bound() {
    let root = temporary();
    for (name, size) in [("a/0.png", (4, 3)), ("a/1.png", (5, 4)), ("b/2.png", (3, 2)), ("b/3.png", (2, 2))] {
        write_picture(root.path(), name, size, [9, 99, 199]);
    }
    let with = |max_picture, threads, on_broken| {
        let options = LoaderOptions { max_picture, threads, on_broken, ..options(1, [1, 1]) };
        loader(ImageFolder::open(root.path()).unwrap(), options)
    };
    let (all, _) = read(&with(1 << 28, 0, OnBroken::Refuse), 0);
    for threads in [0, 3] {
        let (batches, error) = read(&with(20, threads, OnBroken::Refuse), 0);
        assert!(error.is_none());
        assert!(batches.iter().zip(&all).all(|(a, b)| a.images == b.images && a.labels() == b.labels()));
        let (batches, error) = read(&with(19, threads, OnBroken::Refuse), 0);
        let error = error.unwrap();
        assert_eq!((batches.len(), error.kind()), (1, ErrorKind::Unsupported));
        assert_has(&error.to_string(), &["1.png: the picture is 5×4 = 0.0 megapixels", "limited to", "max_picture"]);
        let skipping = with(19, threads, OnBroken::Skip);
        assert_eq!(read(&skipping, 0).0.len(), 3);
        assert_eq!(skipping.skipped()[0].index, 1);
    }
}

/// A mask is no way around the bound.
#[test]
fn masks_larger_than_the_bound() {
    let root = temporary();
    write_picture(root.path(), "pictures/1.png", (1, 1), [1, 2, 3]);
    write(root.path(), "masks/1.png", &png_of((300, 200), ColorType::Grayscale, BitDepth::Eight, &[0; 60_000]));
    let data = MaskFolder::open(root.path().join("pictures"), root.path().join("masks"), names(&["a", "b"])).unwrap();
    let loader = loader(data, LoaderOptions { max_picture: 50_000, ..options(1, [1, 1]) });
    let error = read(&loader, 0).1.unwrap();
    assert_has(&error.to_string(), &["masks/1.png: the picture is 300×200 = 0.1 megapixels"]);
}

#[test]
fn skipped_and_noted() {
    let root = temporary();
    for threads in [0, 3] {
        let loader = loader(folder(root.path(), &[3, 5]), skipping(threads));
        let (batches, error) = read(&loader, 0);
        assert!(error.is_none());
        let seen: Vec<(usize, Vec<u32>)> = batches.iter().map(|b| (b.samples, b.labels().to_vec())).collect();
        assert_eq!(seen, [(2, vec![0, 0]), (1, vec![0]), (1, vec![1])]);
        assert_eq!(levels(&batches[2]), [4; 3], "the sample that is left is its batch");
        let check = |skipped: Vec<Skipped>| {
            assert_eq!(skipped.iter().map(|s| s.index).collect::<Vec<_>>(), [3, 5]);
            assert_eq!(skipped[1].name, root.path().join("b/5.png").display().to_string());
            assert_has(&skipped[1].reason, &["b/5.png", "PNG"]);
        };
        check(loader.skipped());
        read(&loader, 0);
        check(loader.skipped());
    }
}

#[test]
fn a_batch_without_any_sample_is_left_out() {
    let root = temporary();
    for threads in [0, 2] {
        let loader = loader(folder(root.path(), &[2, 3, 4, 5]), skipping(threads));
        let (batches, error) = read(&loader, 0);
        assert!(error.is_none());
        assert_eq!(batches.iter().map(|batch| batch.index).collect::<Vec<_>>(), [0]);
        // Resuming amid what is broken is no error: the epoch had a batch before.
        let (batches, error) = read(&loader, 1);
        assert!(batches.is_empty() && error.is_none());
    }
    let loader = loader(folder(root.path(), &[0, 1, 2, 3]), skipping(1));
    assert_eq!(read(&loader, 0).0.iter().map(|batch| batch.index).collect::<Vec<_>>(), [2]);
}

#[test]
fn nothing_but_broken_samples() {
    let root = temporary();
    for threads in [0, 2] {
        let loader = loader(folder(root.path(), &[0, 1, 2, 3, 4, 5]), skipping(threads));
        let (batches, error) = read(&loader, 0);
        assert!(batches.is_empty());
        assert_has(&error.unwrap().to_string(), &["all 6 samples were skipped", "a/0.png"]);
    }
}

/// One picture of 4×1 pixels with a mask of the given size and classes.
fn mask_folder(root: &Path, size: (u32, u32), classes: &[u8]) -> MaskFolder {
    write_picture(root, "images/7.png", (4, 1), [1; 3]);
    write(root, "masks/7.png", &png_of(size, ColorType::Indexed, BitDepth::Eight, classes));
    write_picture(root, "images/8.png", (4, 1), [2; 3]);
    write(root, "masks/8.png", &png_of((4, 1), ColorType::Grayscale, BitDepth::Eight, &[0, 1, 2, 255]));
    MaskFolder::open(root.join("images"), root.join("masks"), names(&["back", "cat", "dog"])).unwrap()
}

#[test]
fn labels_out_of_range_are_never_skipped() {
    let root = temporary();
    for on_broken in [OnBroken::Refuse, OnBroken::Skip] {
        let data = mask_folder(root.path(), (4, 1), &[0, 9, 3, 255]);
        let (batches, error) = read(&loader(data, LoaderOptions { on_broken, ..options(1, [1, 4]) }), 0);
        assert!(batches.is_empty());
        let error = error.unwrap();
        assert!(matches!(error, DataError::LabelRange { label: 9, classes: 3, .. }), "{error}");
        assert_has(&error.to_string(), &["masks/7.png: label 9 is none of the 3 classes, 0 to 2, nor the ignored 255"]);
    }
    // What is ignored is an option: 255 then is a label like any other.
    let data = mask_folder(root.path(), (4, 1), &[0, 9, 1, 2]);
    let (batches, error) = read(&loader(data, LoaderOptions { ignore_label: 9, ..options(1, [1, 4]) }), 0);
    assert_eq!(batches[0].labels(), [0, 9, 1, 2]);
    assert_has(&error.unwrap().to_string(), &["masks/8.png: label 255 is none of the 3 classes"]);
}

#[test]
fn masks_of_another_size() {
    let root = temporary();
    let data = || mask_folder(root.path(), (2, 2), &[0, 1, 2, 0]);
    let (_, error) = read(&loader(data(), options(1, [1, 4])), 0);
    assert_has(&error.unwrap().to_string(), &["masks/7.png: the mask is 2×2, but its picture is 4×1"]);
    let loader = loader(data(), LoaderOptions { on_broken: OnBroken::Skip, ..options(1, [1, 4]) });
    let (batches, error) = read(&loader, 0);
    assert!(error.is_none());
    assert_eq!(batches.iter().map(|batch| batch.labels().to_vec()).collect::<Vec<_>>(), [[0, 1, 2, 255]]);
    assert_eq!(loader.skipped().len(), 1);
}

#[test]
fn datasets_that_break_their_word() {
    let sample =
        |target: Target| move |_| Ok(Sample { image: Picture::new(1, 1, 1, vec![0])?, targets: vec![target.clone()] });
    let read_one = |targets, target| {
        let data = Custom { samples: 1, class_names: names(&["a", "b"]), targets, read: sample(target) };
        read(&loader(data, LoaderOptions { on_broken: OnBroken::Skip, ..options(1, [1, 1]) }), 0).1.unwrap().to_string()
    };
    assert_has(&read_one(classes(2), Target::Class(2)), &["custom 0: label 2 is none of the 2 classes, 0 to 1"]);
    let mask = Target::Mask(ClassMap::new(1, 1, vec![0]).unwrap());
    assert_has(
        &read_one(classes(2), mask),
        &["custom 0", "promises \"labels\": one of 2 classes a picture; the sample has one of 2 classes a pixel"],
    );
    assert_has(
        &read_one(pixels(2), Target::Class(0)),
        &["custom 0", "promises \"labels\": one of 2 classes a pixel; the sample has one of 2 classes a picture"],
    );
}
