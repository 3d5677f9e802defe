//! Files that are no pictures, and places where none can be written.

use super::png::crc32;
use super::support::{Folder, photo, refuse};

/// Both examples refuse this file with these texts.
fn both(folder: &Folder, name: &str, content: &[u8], texts: &[&str]) {
    let path = folder.file(name, content);
    refuse("classify", &[&path], texts);
    refuse("segment", &[&path, "-o", &folder.path("mask.png")], texts);
    assert!(!std::path::Path::new(&folder.path("mask.png")).exists(), "{name}: a mask was written");
}

/// A PNG with another size in its header, its checksum made right.
fn resized_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = photo();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[test]
fn what_is_no_picture_is_refused() {
    let folder = Folder::new("no-picture");
    both(&folder, "text.jpg", b"This is text, whatever its name says.", &["text.jpg", "not a picture"]);
    both(&folder, "empty.png", b"", &["empty.png", "not a picture"]);
    both(
        &folder,
        "animation.gif",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        &["GIF pictures are not supported", "JPEG, PNG or WebP"],
    );
    refuse("classify", &[&folder.path("nowhere.jpg")], &["nowhere.jpg: no such file"]);
    refuse("classify", &["examples/photos"], &["examples/photos: cannot read"]);
    refuse("classify", &[], &["<PHOTO>"]);
}

/// A pipe without a writer would be waited for.
#[cfg(unix)]
#[test]
fn pipes_are_refused_at_once() {
    let folder = Folder::new("pipe");
    let pipe = folder.path("a\nb.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
    refuse("classify", &[&pipe], &["a\\nb.png: cannot read: it is a pipe (FIFO), not a regular file"]);
    let photo = "examples/photos/china.png";
    refuse("segment", &[photo, "-o", &pipe], &["a\\nb.png: cannot write a picture there: it is a pipe or a device"]);
    refuse("segment", &[photo, "-o", &folder.path("a.jpg")], &["a.jpg: pictures are written as PNG"]);
    refuse("scribble", &[photo, &pipe, "-o", &folder.path("a.png")], &["a\\nb.png: it is not a regular file"]);
}

#[test]
fn damaged_pictures_are_refused() {
    let folder = Folder::new("damaged");
    let whole = photo();
    both(&folder, "half.png", &whole[..whole.len() / 2], &["half.png", "truncated PNG picture"]);
    both(&folder, "start.png", &whole[..12], &["start.png", "truncated PNG picture"]);
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xFF;
    both(&folder, "flipped.png", &flipped, &["flipped.png", "damaged PNG picture"]);
}

#[test]
fn pictures_of_impossible_sizes_are_refused() {
    let folder = Folder::new("sizes");
    both(&folder, "none.png", &resized_header(0, 320), &["none.png", "0×320", "no pixels"]);
    both(&folder, "wide.png", &resized_header(30_000, 320), &["wide.png", "30000×320", "limited to 16384"]);
    both(&folder, "high.png", &resized_header(320, u32::MAX), &["high.png", "limited to 16384"]);
}

#[test]
fn places_that_cannot_be_written_are_refused_before_the_work() {
    let folder = Folder::new("output");
    let photo = "examples/photos/china.png";
    refuse("segment", &[photo, "-o", &folder.path("no/such/mask.png")], &["mask.png", "there is no folder"]);
    refuse("segment", &[photo, "-o", &folder.path("")], &["it is a folder"]);
    let overlay = folder.path("no/overlay.png");
    refuse(
        "segment",
        &[photo, "-o", &folder.path("m.png"), "--overlay", &overlay],
        &["overlay.png", "there is no folder"],
    );
}
