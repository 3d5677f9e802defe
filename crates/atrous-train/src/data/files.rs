//! Finding and reading files.

use super::error::{DataError, Result};
use super::picture::Picture;
use atrous_files::excerpt;
use atrous_vision::{Exif, Limits, PictureHeader, load_header, load_rgb8_with};
use flate2::read::MultiGzDecoder;
use std::fs;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use walkdir::WalkDir;

/// Extensions of picture files. Some of these formats cannot be decoded; their files are not ignored, but cause an error that says so.
const PICTURE_EXTENSIONS: [&str; 11] =
    ["jpg", "jpeg", "png", "webp", "bmp", "gif", "pgm", "ppm", "tif", "tiff", "avif"];

/// Most bytes of a file of text.
const MAX_TEXT: u64 = 64 << 20;

/// Most bytes of the samples of a dataset in memory, and what a sample takes beside its pixels.
const MAX_SAMPLES: u64 = 1 << 30;
const SAMPLE: u64 = 128;

pub(crate) use atrous_files::shown;

/// The visible folders in a folder, sorted by name.
///
/// # Errors
/// [`DataError::DeadLink`] for a link that may be meant as such a folder: one without an extension.
pub(crate) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let wanted = |path: &Path| if path.is_dir() { Kind::Wanted } else { Kind::of_dead(path) };
    list(folder, 1, wanted)
}

/// The visible picture files in a folder and its subfolders, sorted by path. What cannot be read is among them: links that lead nowhere, pipes
/// and devices.
///
/// # Errors
/// [`DataError::DeadLink`] for a link that may be meant as a subfolder: one without an extension.
pub(crate) fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let wanted = |path: &Path| if is_picture(path) { Kind::Wanted } else { Kind::of_dead(path) };
    list(folder, usize::MAX, wanted)
}

/// The visible picture files of a folder itself, sorted by name. What cannot be read is among them.
pub(crate) fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    list(folder, 1, |path| if is_picture(path) { Kind::Wanted } else { Kind::Other })
}

/// What an entry of a folder is for a list.
#[derive(PartialEq, Eq)]
enum Kind {
    Wanted,
    Other,
    /// A link that leads nowhere, perhaps meant as a folder.
    Dead,
}

impl Kind {
    fn of_dead(path: &Path) -> Self {
        if path.extension().is_none() && is_dead_link(path) { Self::Dead } else { Self::Other }
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    PICTURE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && !path.is_dir()
}

/// Whether the path is a symbolic link whose target does not exist, or leads back to the link.
fn is_dead_link(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
}

/// The entries down to this depth that are wanted, sorted by name. Hidden ones, whose names start with a dot, are left out.
fn list(folder: &Path, depth: usize, kind: impl Fn(&Path) -> Kind) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Err(DataError::Missing { path: shown(folder), what: "folder" });
    }
    let walk = WalkDir::new(folder).min_depth(1).max_depth(depth).follow_links(true).sort_by_file_name();
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut found = Vec::new();
    for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !hidden(entry.path())) {
        let path = match entry {
            Ok(entry) => entry.into_path(),
            // The walk follows links, and so fails at those that lead nowhere.
            Err(error) => match error.path().filter(|path| path.is_symlink() && error.loop_ancestor().is_none()) {
                Some(link) if hidden(link) => continue,
                Some(link) => link.to_owned(),
                None => {
                    let path = shown(error.path().unwrap_or(folder));
                    // The walk's own message repeats the path.
                    let text = error.to_string();
                    let source = error.into_io_error().unwrap_or_else(|| io::Error::other(text));
                    return Err(DataError::Io { path, action: "list", source });
                }
            },
        };
        match kind(&path) {
            Kind::Wanted => found.push(path),
            Kind::Other => {}
            Kind::Dead => return Err(dead_link(&path)),
        }
    }
    Ok(found)
}

fn dead_link(path: &Path) -> DataError {
    let target = fs::read_link(path).map_or_else(|error| error.to_string(), |to| excerpt(shown(to)));
    DataError::DeadLink { path: shown(path), target }
}

/// The name of a folder without its parent folders, as the name of a class.
pub(crate) fn class_name(folder: &Path) -> String {
    normal(&shown(folder.file_name().unwrap_or(folder.as_os_str())))
}

/// The path of a file from a folder, with its size: the same wherever the folder is.
pub(crate) fn identity(path: &Path, folder: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    let name = inner.iter().map(|part| normal(&shown(part))).collect::<Vec<_>>().join("/");
    match fs::metadata(path) {
        Ok(file) => format!("{name} ({} bytes)", file.len()),
        Err(error) => format!("{name} ({})", error.kind()),
    }
}

/// Name of a file without folder and extension, by which files are paired.
pub(crate) fn stem(path: &Path) -> String {
    normal(&shown(path.file_stem().unwrap_or(path.as_os_str())))
}

/// The text in Unicode's normal form C: systems store the same name in different forms.
pub(crate) fn normal(text: &str) -> String {
    text.nfc().collect()
}

/// Reads a picture.
pub(crate) fn load_picture(path: &Path, exif: Exif) -> Result<Picture> {
    let image = load_rgb8_with(path, &Limits::default(), exif).map_err(|error| picture_error(path, error))?;
    Picture::try_from(image)
}

/// Reads the header of a picture.
pub(crate) fn load_picture_header(path: &Path) -> Result<PictureHeader> {
    load_header(path, &Limits::default()).map_err(|error| picture_error(path, error))
}

fn picture_error(path: &Path, error: atrous_vision::Error) -> DataError {
    if is_dead_link(path) { dead_link(path) } else { error.into() }
}

/// Converts the error of reading a file.
pub(crate) fn io_error(path: &Path) -> impl Fn(io::Error) -> DataError + '_ {
    move |source| match source.kind() {
        _ if is_dead_link(path) => dead_link(path),
        ErrorKind::NotFound => DataError::Missing { path: shown(path), what: "file" },
        _ => DataError::Io { path: shown(path), action: "read", source },
    }
}

/// Text of a file, of 64 MiB at most.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    atrous_files::read_text(path, MAX_TEXT).map_err(io_error(path))
}

/// Opens a file that may be compressed by gzip, which is recognised by its content.
pub(crate) fn open_plain_or_gzip(path: &Path) -> Result<Box<dyn Read>> {
    let mut file = BufReader::new(atrous_files::open(path).map_err(io_error(path))?);
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(io_error(path))?;
    let compressed = start == [0x1F, 0x8B];
    let whole = Cursor::new(start).chain(file);
    Ok(match compressed {
        true => Box::new(MultiGzDecoder::new(whole)),
        false => Box::new(whole),
    })
}

/// Reads the next `want` bytes of a file; fewer if it ends before.
pub(crate) fn read_next(path: &Path, file: &mut dyn Read, want: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(want as u64).read_to_end(&mut bytes).map_err(io_error(path))?;
    Ok(bytes)
}

/// Copies the first and the last `count` bytes of a file; all bytes of one that has no more than both. Returns its size.
pub(crate) fn copy_ends(path: &Path, count: u64, to: &mut impl Write) -> io::Result<u64> {
    let mut file = atrous_files::open(path)?;
    let size = file.metadata()?.len();
    io::copy(&mut (&file).take(count), to)?;
    file.seek(SeekFrom::Start(count.max(size.saturating_sub(count))))?;
    io::copy(&mut file.take(count), to)?;
    Ok(size)
}

/// Refuses a file with so many samples, of `size` bytes each, that they do not fit into memory.
pub(crate) fn check_memory(path: &Path, samples: u64, size: u64) -> Result<()> {
    let bytes = samples.saturating_mul(size.saturating_add(SAMPLE));
    match bytes <= MAX_SAMPLES {
        true => Ok(()),
        false => Err(DataError::TooManyBytes { path: shown(path), bytes, max_bytes: MAX_SAMPLES }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_file_are_all_of_a_short_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (size, want) in [(0, ""), (1, "0"), (3, "012"), (4, "0123"), (6, "012345"), (7, "012456"), (10, "012789")] {
            fs::write(&path, &b"0123456789"[..size]).unwrap();
            let mut read = Vec::new();
            assert_eq!(copy_ends(&path, 3, &mut read).unwrap(), size as u64);
            assert_eq!(String::from_utf8(read).unwrap(), want);
        }
        assert!(copy_ends(folder.path(), 3, &mut Vec::new()).is_err());
    }
}
