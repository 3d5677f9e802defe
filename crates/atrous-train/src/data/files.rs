//! Finding and reading files.

use super::error::{DataError, Result};
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Extensions of picture files. Some of these formats cannot be decoded; their files are not ignored, but cause an error that says so.
const PICTURE_EXTENSIONS: [&str; 11] =
    ["jpg", "jpeg", "png", "webp", "bmp", "gif", "pgm", "ppm", "tif", "tiff", "avif"];

/// The path as text for messages.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The visible folders in a folder, sorted by name.
pub(crate) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    list(folder, 1, |entry| entry.file_type().is_dir())
}

/// The visible picture files in a folder and its subfolders, sorted by path.
pub(crate) fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>> {
    list(folder, usize::MAX, is_picture)
}

/// The visible picture files of a folder itself, sorted by name.
pub(crate) fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    list(folder, 1, is_picture)
}

fn is_picture(entry: &DirEntry) -> bool {
    let extension = entry.path().extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    entry.file_type().is_file() && PICTURE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The entries down to this depth that `wanted` accepts, sorted by name. Hidden ones, whose names start with a dot, are left out.
fn list(folder: &Path, depth: usize, wanted: impl Fn(&DirEntry) -> bool) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Err(DataError::Missing { path: shown(folder), what: "folder" });
    }
    let walk = WalkDir::new(folder).min_depth(1).max_depth(depth).follow_links(true).sort_by_file_name();
    let visible = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let mut found = Vec::new();
    for entry in walk.into_iter().filter_entry(visible) {
        let entry = entry.map_err(|error| DataError::Io {
            path: shown(error.path().unwrap_or(folder)),
            action: "list",
            source: error.into(),
        })?;
        if wanted(&entry) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

/// Name of a file or folder without its parent folders.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The path of a file from a folder, with its size: the same wherever the folder is.
pub(crate) fn identity(path: &Path, folder: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    let name = inner.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    match fs::metadata(path) {
        Ok(file) => format!("{name} ({} bytes)", file.len()),
        Err(error) => format!("{name} ({})", error.kind()),
    }
}

/// Name of a file without folder and extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Converts the error of reading a file.
pub(crate) fn io_error(path: &Path) -> impl Fn(io::Error) -> DataError + '_ {
    move |source| match source.kind() {
        ErrorKind::NotFound => DataError::Missing { path: shown(path), what: "file" },
        _ => DataError::Io { path: shown(path), action: "read", source },
    }
}

/// Text of a file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(io_error(path))
}

/// Opens a file that may be compressed by gzip, which is recognised by its content.
pub(crate) fn open_plain_or_gzip(path: &Path) -> Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path).map_err(io_error(path))?);
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(io_error(path))?;
    let compressed = start == [0x1F, 0x8B];
    let whole = Cursor::new(start).chain(file);
    Ok(match compressed {
        true => Box::new(MultiGzDecoder::new(whole)),
        false => Box::new(whole),
    })
}

/// Reads the rest of a file, which must have exactly `want` bytes; `what` describes them in errors.
pub(crate) fn read_rest(path: &Path, file: &mut dyn Read, want: u64, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(want + 1).read_to_end(&mut bytes).map_err(io_error(path))?;
    let got = bytes.len() as u64;
    if got == want {
        return Ok(bytes);
    }
    let got = if got > want { format!("more than {want}") } else { got.to_string() };
    Err(DataError::FileSize { path: shown(path), want: format!("{want} bytes of {what}"), got })
}
