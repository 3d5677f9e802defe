//! Folders of pictures by class.

use crate::support::{assert_has, class_of, classes, names, temporary, text, write, write_picture};
use atrous_train::data::{DataError, Dataset, ImageFolder};
use atrous_vision::ErrorKind;
use std::fs::create_dir;

#[test]
fn classes_are_the_sorted_folders_and_pictures_are_found_at_any_depth() {
    let root = temporary();
    let root = root.path();
    write_picture(root, "dog/b.png", (2, 3), [9, 8, 7]);
    write_picture(root, "dog/a.jpeg", (1, 1), [1, 1, 1]);
    write_picture(root, "cat/deep/er/c.PNG", (1, 1), [2, 2, 2]);
    write_picture(root, "cat/z.webp", (1, 1), [3, 3, 3]);
    write_picture(root, "ape/1.jpg", (1, 1), [4, 4, 4]);
    for passed_over in ["dog/notes.txt", "dog/._b.png", ".cache/x.png", "stray.png", "dog/.git/y.png"] {
        write(root, passed_over, b"no picture");
    }
    let data = ImageFolder::open(root).unwrap();
    assert_eq!(data.targets(), classes(data.class_names().len()));
    assert_eq!(data.class_names(), ["ape", "cat", "dog"]);
    let found: Vec<String> = (0..data.len()).map(|i| data.describe(i)).collect();
    let want = ["ape/1.jpg", "cat/deep/er/c.PNG", "cat/z.webp", "dog/a.jpeg", "dog/b.png"];
    assert_eq!(found, want.map(|name| root.join(name).display().to_string()));
    let classes: Vec<u32> = (0..data.len()).map(|i| class_of(&data.get(i).unwrap())).collect();
    assert_eq!(classes, [0, 1, 1, 2, 2]);
    assert_eq!((0..data.len()).map(|i| data.class_of(i).unwrap()).collect::<Vec<_>>(), classes);
    let picture = data.get(4).unwrap().image;
    assert_eq!((picture.width(), picture.height(), picture.channels()), (2, 3, 3));
    assert_eq!(picture.pixels(), [9, 8, 7].repeat(6));
}

#[test]
fn an_index_beyond_the_last() {
    let root = temporary();
    write_picture(root.path(), "a/1.png", (1, 1), [0; 3]);
    write_picture(root.path(), "b/1.png", (1, 1), [0; 3]);
    let data = ImageFolder::open(root.path()).unwrap();
    assert_eq!(text(data.get(2)), "sample 2 of a dataset of 2");
    assert_eq!(data.class_of(2), None);
    assert_eq!(data.describe(2), "picture 2");
}

#[test]
fn validation_keeps_the_classes_of_training() {
    let root = temporary();
    let root = root.path();
    write_picture(root, "dog/1.png", (1, 1), [0; 3]);
    write_picture(root, "ape/1.png", (1, 1), [0; 3]);
    let classes = names(&["cat", "dog", "ape"]);
    let data = ImageFolder::open_with_classes(root, &classes).unwrap();
    assert_eq!(data.class_names(), classes);
    assert_eq!([data.class_of(0), data.class_of(1)], [Some(1), Some(2)]);
    create_dir(root.join("eel")).unwrap();
    let error = text(ImageFolder::open_with_classes(root, &classes));
    assert_has(&error, &["eel", "3 classes", "cat, dog, ape"]);
}

#[test]
fn a_folder_that_is_not_there_or_is_a_file() {
    let root = temporary();
    let file = write(root.path(), "file", b"");
    for path in [root.path().join("none"), file] {
        let error = ImageFolder::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), format!("{}: no such folder", path.display()));
    }
}

#[test]
fn empty_folders() {
    let root = temporary();
    let root = root.path();
    let error = ImageFolder::open(root).unwrap_err();
    assert!(matches!(error, DataError::NoSamples { .. }), "{error}");
    assert_has(
        &error.to_string(),
        &[&root.display().to_string(), "no samples", "one folder of pictures for each class"],
    );
    write_picture(root, "cat/1.png", (1, 1), [0; 3]);
    let error = ImageFolder::open(root).unwrap_err();
    assert!(matches!(error, DataError::OneClass { .. }), "{error}");
    assert_has(&error.to_string(), &["only one class, \"cat\"", "at least two"]);
    create_dir(root.join("dog")).unwrap();
    write(root, "dog/readme.txt", b"");
    let error = ImageFolder::open(root).unwrap_err();
    assert!(matches!(error, DataError::EmptyClass { .. }), "{error}");
    assert_has(&error.to_string(), &[&root.join("dog").display().to_string(), "\"dog\""]);
    let empty = temporary();
    let error = text(ImageFolder::open_with_classes(empty.path(), &names(&["cat", "dog"])));
    assert_has(&error, &["no samples", "folders named cat, dog"]);
    assert_has(&text(ImageFolder::open_with_classes(root, &names(&["cat"]))), &["only one class"]);
}

#[test]
fn broken_pictures_name_their_file() {
    let root = temporary();
    let root = root.path();
    write_picture(root, "b/1.png", (1, 1), [0; 3]);
    for (content, reason) in
        [(&b"hello"[..], "not a picture"), (b"", "not a picture"), (b"GIF89a\x01\0", "not supported")]
    {
        let path = write(root, "a/1.gif", content);
        let error = ImageFolder::open(root).unwrap().get(0).unwrap_err();
        assert!(error.is_broken_sample());
        assert_has(&error.to_string(), &[&path.display().to_string(), reason]);
    }
    std::fs::remove_file(root.join("b/1.png")).unwrap();
    write_picture(root, "b/2.png", (1, 1), [0; 3]);
    let data = ImageFolder::open(root).unwrap();
    std::fs::remove_file(root.join("b/2.png")).unwrap();
    let error = data.get(1).unwrap_err();
    assert!(error.is_broken_sample());
    assert_has(&error.to_string(), &["2.png", "no such file"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_contains_itself() {
    let root = temporary();
    write_picture(root.path(), "a/1.png", (1, 1), [0; 3]);
    write_picture(root.path(), "b/1.png", (1, 1), [0; 3]);
    std::os::unix::fs::symlink(root.path(), root.path().join("b/again")).unwrap();
    assert_has(&text(ImageFolder::open(root.path())), &["again", "cannot list"]);
}
