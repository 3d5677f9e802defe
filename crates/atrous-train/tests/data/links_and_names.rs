//! Links that lead nowhere, and names that are no plain text.

use crate::support::{assert_has, names, options, temporary, text, write, write_picture};
use atrous_train::data::{Dataset, ImageFolder, InMemory, Loader, LoaderOptions, MaskFolder, OnBroken};
use std::sync::Arc;

#[test]
fn names_of_classes_are_unique_lines_of_text() {
    let root = temporary();
    let root = root.path();
    for folder in ["caf\u{e9}", "a\nb", "c\u{1b}[31m"] {
        write_picture(root, &format!("{folder}/1.png"), (1, 1), [0; 3]);
    }
    let data = ImageFolder::open(root).unwrap();
    assert_eq!(data.class_names(), [r"a\nb", r"c\u{1b}[31m", "caf\u{e9}"]);
    assert!(data.describe(0).ends_with(r"a\nb/1.png"), "{}", data.describe(0));
    // The same classes as another system writes them.
    let other = temporary();
    write_picture(other.path(), "cafe\u{301}/1.png", (1, 1), [0; 3]);
    assert_eq!(ImageFolder::open_with_classes(other.path(), data.class_names()).unwrap().class_of(0), Some(2));
    write_picture(root, "cafe\u{301}/1.png", (1, 1), [0; 3]);
    assert_has(&text(ImageFolder::open(root)), &["classes 2 and 3 are both called \"caf\u{e9}\""]);
    let open = |classes: &[&str]| text(MaskFolder::open(root, root, names(classes)));
    assert_has(&open(&["a", "b", "a"]), &["classes 0 and 2 are both called \"a\"; class names must be unique"]);
    assert_has(&open(&["a", "b\nc"]), &[r#"the name of class 1 must be one line of text, got "b\nc""#]);
    assert_has(&open(&["a", " "]), &["the name of class 1 must be"]);
    assert_has(&text(InMemory::new("x", names(&["a", "a"]), vec![])), &["no samples"]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn names_that_are_not_utf_8_stay_apart() {
        let root = temporary();
        for name in [b"\xe4", b"\xf6"] {
            let folder = root.path().join(OsStr::from_bytes(name));
            write_picture(&folder, "1.png", (1, 1), [0; 3]);
        }
        let data = ImageFolder::open(root.path()).unwrap();
        assert_eq!(data.class_names(), [r"\xE4", r"\xF6"]);
        assert!(data.get(1).is_ok() && data.describe(1).ends_with(r"\xF6/1.png"));
        for name in [b"\xe4.png", b"\xf6.png"] {
            for folder in ["images", "masks"] {
                let bytes = std::fs::read(root.path().join(OsStr::from_bytes(b"\xe4/1.png"))).unwrap();
                let path = root.path().join(folder).join(OsStr::from_bytes(name));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        }
        let pairs = MaskFolder::open(root.path().join("images"), root.path().join("masks"), names(&["a", "b"]));
        assert_eq!(pairs.unwrap().len(), 2);
    }

    #[test]
    fn dead_links_are_named_and_skipped_as_asked() {
        let root = temporary();
        let root = root.path();
        for name in ["a/1.png", "b/1.png", "b/2.png"] {
            write_picture(root, name, (1, 1), [0; 3]);
        }
        symlink("/nowhere/7.png", root.join("a/7.png")).unwrap();
        symlink("itself.png", root.join("a/itself.png")).unwrap();
        for ignored in ["a/.#7.png", "a/notes.txt", "readme.md"] {
            symlink("/nowhere", root.join(ignored)).unwrap();
        }
        let data = Arc::new(ImageFolder::open(root).unwrap());
        assert_eq!(data.len(), 5);
        let refused = Loader::new(data.clone(), options(9, [1, 1])).unwrap();
        let error = text(refused.epoch(0, 0).next().unwrap());
        assert_has(&error, &["a/7.png: the link leads nowhere: there is no \"/nowhere/7.png\""]);
        let skipping = LoaderOptions { on_broken: OnBroken::Skip, ..options(9, [1, 1]) };
        let loader = Loader::new(data, skipping).unwrap();
        assert_eq!(loader.epoch(0, 0).next().unwrap().unwrap().samples, 3);
        let skipped: Vec<String> = loader.skipped().into_iter().map(|skipped| skipped.reason).collect();
        assert_eq!(skipped.len(), 2);
        assert_has(&skipped[1], &["a/itself.png: the link leads nowhere"]);
        // A class that has gone is not left out without a word.
        symlink("/nowhere/c", root.join("c")).unwrap();
        assert_has(&text(ImageFolder::open(root)), &["/c: the link leads nowhere: there is no \"/nowhere/c\""]);
    }

    /// Pipes and devices are no pictures, and not left out without a word either.
    #[test]
    fn pipes_among_pictures_are_named_and_skipped_as_asked() {
        let root = temporary();
        let root = root.path();
        for name in ["a/1.png", "b/1.png"] {
            write_picture(root, name, (1, 1), [0; 3]);
        }
        assert!(std::process::Command::new("mkfifo").arg(root.join("a/2.png")).status().unwrap().success());
        symlink("/dev/null", root.join("b/2.png")).unwrap();
        let data = Arc::new(ImageFolder::open(root).unwrap());
        assert_eq!(data.len(), 4);
        let refused = Loader::new(data.clone(), options(4, [1, 1])).unwrap();
        assert_has(&text(refused.epoch(0, 0).next().unwrap()), &["a/2.png", "not a regular file"]);
        let skipping = LoaderOptions { on_broken: OnBroken::Skip, ..options(4, [1, 1]) };
        let loader = Loader::new(data, skipping).unwrap();
        assert_eq!(loader.epoch(0, 0).next().unwrap().unwrap().samples, 2);
        assert_eq!(loader.skipped().len(), 2);
    }

    #[test]
    fn dead_links_of_masks_are_named() {
        let root = temporary();
        let root = root.path();
        write_picture(root, "images/1.png", (1, 1), [0; 3]);
        write(root, "masks/notes.txt", b"");
        symlink("../gone.png", root.join("masks/1.png")).unwrap();
        let data = MaskFolder::open(root.join("images"), root.join("masks"), names(&["a", "b"])).unwrap();
        let error = data.get(0).unwrap_err();
        assert_has(&error.to_string(), &["masks/1.png: the link leads nowhere: there is no \"../gone.png\""]);
        assert!(error.is_broken_sample() && text(data.inspect(0)) == error.to_string());
    }
}
