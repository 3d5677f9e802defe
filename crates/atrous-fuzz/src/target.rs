//! What a target is.

use std::path::Path;

use crate::format::Format;

/// A reader, and what it needs to be tried.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What it reads, in words.
    pub(crate) reads: &'static str,
    /// The structure of its inputs.
    pub(crate) format: &'static dyn Format,
    pub(crate) input: Input,
    /// Valid inputs.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Whether all seeds have a checksum, so that damage to them is found.
    pub(crate) sealed: bool,
    /// Whether the messages of its errors must name the file.
    pub(crate) names_file: bool,
    /// Bytes of memory that its pictures may take.
    pub(crate) budget: usize,
    /// Reads an input. An error is the message that a user sees. It panics if what was read is not what it must be.
    pub(crate) read: fn(&Place) -> Result<(), String>,
}

/// How a target gets its input.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// A file of this name.
    File(fn() -> String),
    /// A folder with files.
    Folder,
}

/// Where the input of a case is.
pub(crate) struct Place<'a> {
    /// A folder for anything else.
    pub(crate) folder: &'a Path,
    /// The file or the folder.
    pub(crate) path: &'a Path,
    /// The content of the file, or the packed folder.
    pub(crate) bytes: &'a [u8],
}

/// Reads the file of this name.
pub(crate) const fn file(name: fn() -> String) -> Input {
    Input::File(name)
}

/// A target whose inputs have no checksum and no pictures.
pub(crate) const fn plain(
    name: &'static str,
    reads: &'static str,
    format: &'static dyn Format,
    input: Input,
    seeds: fn() -> Vec<Vec<u8>>,
    read: fn(&Place) -> Result<(), String>,
) -> Target {
    Target { name, reads, format, input, seeds, sealed: false, names_file: true, budget: 0, read }
}
