//! Files are complete or absent, and nothing else is left in their folder.

use crate::support::{empty_folder, pattern};
use atrous_vision::{
    ClassMap, Error, ErrorKind, Limits, load_rgb8, voc_palette, write_atomically, write_palette_png, write_png,
};
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_new_file_and_a_replaced_one() {
    let folder = empty_folder("replace");
    let path = folder.join("out.bin");
    write_atomically(&path, b"first").unwrap();
    write_atomically(&path, b"second, longer").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second, longer");
    assert_eq!(names(&folder), ["out.bin"]);
}

#[test]
fn a_folder_is_not_replaced() {
    let folder = empty_folder("folder-target");
    let error = write_atomically(&folder, b"x").unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(folder.is_dir());
}

#[test]
fn a_missing_folder_is_an_error() {
    let path = empty_folder("missing-folder").join("none").join("out.bin");
    let error = write_atomically(&path, b"x").unwrap_err();
    assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
    assert!(error.to_string().contains("out.bin"), "{error}");
    assert!(write_atomically("", b"x").is_err());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let folder = empty_folder("link");
    fs::write(folder.join("real"), b"old").unwrap();
    std::os::unix::fs::symlink("real", folder.join("link")).unwrap();
    write_atomically(folder.join("link"), b"new").unwrap();
    assert!(folder.join("link").is_symlink());
    assert_eq!(fs::read(folder.join("real")).unwrap(), b"new");
}

#[test]
fn a_picture_comes_back_as_written() {
    let path = empty_folder("png").join("picture.png");
    let image = pattern(13, 7);
    write_png(&path, &image).unwrap();
    assert_eq!(load_rgb8(&path, &Limits::default()).unwrap(), image);
    let error = write_png(&path, &atrous_vision::RgbImage::new(0, 3)).unwrap_err();
    assert!(matches!(error, Error::Encode { width: 0, .. }), "{error}");
    assert_eq!(load_rgb8(&path, &Limits::default()).unwrap(), image);
}

#[test]
fn the_extension_says_what_is_written() {
    let folder = empty_folder("extension");
    let map = ClassMap::new(2, 1, vec![0, 1]).unwrap();
    for name in ["a.jpg", "a.webp", "a.gif", "a.png.bak", "a"] {
        let path = folder.join(name);
        let want = format!("{}: pictures are written as PNG, so the name must end in .png", path.display());
        assert_eq!(write_png(&path, &pattern(2, 1)).unwrap_err().to_string(), want);
        assert_eq!(write_palette_png(&path, &map, &voc_palette()).unwrap_err().to_string(), want);
    }
    write_png(folder.join("a.PNG"), &pattern(2, 1)).unwrap();
    assert_eq!(names(&folder), ["a.PNG"]);
}
