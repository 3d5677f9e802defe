//! Folders of files as one text of bytes.

use fastrand::Rng;

use super::gzip::Gzip;
use super::jpeg::Jpeg;
use super::png::Png;
use super::structure::{Format, times};
use super::tensors::Tensors;
use super::text::Text;
use super::webp::WebP;
use crate::change;

/// A folder with files, packed.
pub(crate) struct Folder;

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A symbolic link; its data are the target.
    Link,
    /// A socket, which nobody writes to.
    Socket,
}

const KINDS: [Kind; 4] = [Kind::File, Kind::Directory, Kind::Link, Kind::Socket];

/// A file or another entry of a folder, by its path from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) path: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Entry {
    pub(crate) fn file(path: &str, data: impl Into<Vec<u8>>) -> Self {
        Self { kind: Kind::File, path: path.into(), data: data.into() }
    }

    fn packed(&self) -> Vec<u8> {
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or_default() as u8;
        let lengths = [(self.path.len() as u32).to_le_bytes(), (self.data.len() as u32).to_le_bytes()].concat();
        [&[kind], &lengths[..], &self.path, &self.data].concat()
    }
}

/// The entries as one text of bytes.
pub(crate) fn pack(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(Entry::packed).collect()
}

/// The entries of a text, as far as it is one.
pub(crate) fn unpack(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let [path, data] = [&head[1..5], &head[5..]].map(|n| u32::from_le_bytes([n[0], n[1], n[2], n[3]]) as usize);
        let (path, rest) = rest.split_at(path.min(rest.len()));
        let (data, rest) = rest.split_at(data.min(rest.len()));
        let kind = KINDS[usize::from(head[0]) % KINDS.len()];
        entries.push(Entry { kind, path: path.to_vec(), data: data.to_vec() });
        bytes = rest;
    }
    entries
}

impl Format for Folder {
    fn split(&self, bytes: &[u8], _: &mut Rng) -> Vec<Vec<u8>> {
        unpack(bytes).iter().map(Entry::packed).collect()
    }

    fn join(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        parts.concat()
    }

    fn mutated(&self, bytes: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let (mut entries, others) = (unpack(bytes), unpack(other));
        for _ in 0..times(rng) {
            change(&mut entries, &others, rng);
        }
        pack(&entries)
    }
}

/// Names at which readers go wrong.
const NAMES: [&[u8]; 12] = [
    b".hidden.png",
    b"a.PNG",
    b"a.gif",
    b"a.png",
    b"b_mask.png",
    b" ",
    b"\xFF\xFE.png",
    b"a\nb.png",
    b"e\xCC\x81.png",
    b"\xC3\xA9.png",
    b"train",
    b"-",
];

/// Changes a folder in one place.
fn change(entries: &mut Vec<Entry>, others: &[Entry], rng: &mut Rng) {
    if entries.is_empty() {
        entries.push(Entry::file("a.png", ""));
        return;
    }
    let at = rng.usize(0..entries.len());
    match rng.u8(0..12) {
        0..=6 => {
            let name = String::from_utf8_lossy(&entries[at].path).into_owned();
            let like = |entry: &&Entry| {
                entry.path.rsplit(|b| *b == b'.').next() == entries[at].path.rsplit(|b| *b == b'.').next()
            };
            let same: Vec<&Entry> = others.iter().filter(like).collect();
            let other = if same.is_empty() { &[][..] } else { &same[rng.usize(0..same.len())].data };
            entries[at].data = by_name(&name).mutated(&entries[at].data, other, rng);
        }
        7 => drop(entries.remove(at)),
        8 => {
            let copy = Entry { path: renamed(&entries[at].path, rng), ..entries[at].clone() };
            entries.push(copy);
        }
        9 => entries[at].path = renamed(&entries[at].path, rng),
        10 => {
            let from = rng.usize(0..entries.len());
            entries[at].data = entries[from].data.clone();
        }
        _ => {
            entries[at].kind = KINDS[rng.usize(0..KINDS.len())];
            if entries[at].kind == Kind::Link {
                let to = entries[rng.usize(0..entries.len())].path.clone();
                entries[at].data = if rng.bool() { to } else { b"nowhere".to_vec() };
            }
        }
    }
}

/// Another name in the same folder.
fn renamed(path: &[u8], rng: &mut Rng) -> Vec<u8> {
    let (folder, name) = path.split_at(path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1));
    let mut name = name.to_vec();
    match rng.bool() {
        true => name = NAMES[rng.usize(0..NAMES.len())].to_vec(),
        false => change::bytes(&mut name, rng),
    }
    [folder, &name].concat()
}

/// The format of a file of this name.
fn by_name(name: &str) -> &'static dyn Format {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "png" => &Png,
        "jpg" | "jpeg" => &Jpeg,
        "webp" => &WebP,
        "gz" | "bin" | "idx3-ubyte" | "idx1-ubyte" => &Gzip,
        "safetensors" | "checkpoint" => &Tensors,
        _ if name.contains("ubyte") => &Gzip,
        _ => &Text,
    }
}
