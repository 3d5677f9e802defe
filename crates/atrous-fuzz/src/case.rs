//! One input and one reader.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use atrous_files::shown;
use fastrand::Rng;

use crate::format::{Entry, Kind, unpack};
use crate::target::{Input, Place, Target};
use crate::{limits, memory, message, warnings};

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// The message.
    Refused(String),
    /// What the reader must not do, in words.
    Fault(String),
}

/// The panics of this process.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the messages of panics instead of printing them.
pub(crate) fn collect_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}: ", at.file(), at.line()));
        let message = format!("{place}{}", text_of(info.payload()));
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }));
}

/// The message of the panic that ended this program's own work.
pub(crate) fn last_panic() -> String {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

/// The input of a case: a seed, changed at random.
pub(crate) fn input(target: &Target, seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let [one, other] = [(); 2].map(|()| &seeds[rng.usize(0..seeds.len())]);
    target.format.mutated(one, other, rng)
}

/// Gives the target an input, in this folder.
///
/// # Errors
/// Those of the system when the input is written.
pub(crate) fn judge(target: &Target, seeds: &[Vec<u8>], folder: &Path, bytes: &[u8], case: u64) -> io::Result<Outcome> {
    let path = put(target, folder, bytes)?;
    let place = Place { folder, path: &path, bytes };
    drop(warnings::take());
    let before = memory::start();
    limits::begin(case);
    let read = panic::catch_unwind(AssertUnwindSafe(|| (target.read)(&place)));
    limits::end();
    let taken = memory::peak().saturating_sub(before);
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    if !panics.is_empty() {
        return Ok(Outcome::Fault(format!("panics: {}", panics.join("; "))));
    }
    let most = limits::MEMORY + target.budget;
    if taken > most {
        return Ok(Outcome::Fault(format!("takes {} MiB of memory, the limit is {}", taken >> 20, most >> 20)));
    }
    Ok(match read {
        Err(payload) => Outcome::Fault(format!("panics: {}", text_of(&*payload))),
        Ok(Err(message)) => match complaint(&message, target, &path) {
            Some(what) => Outcome::Fault(format!("{what}: {message:?}")),
            None => Outcome::Refused(message),
        },
        Ok(Ok(())) if target.sealed && seeds.iter().any(|seed| is_damaged(seed, bytes)) => {
            Outcome::Fault("accepts a damaged file with a checksum".to_owned())
        }
        Ok(Ok(())) => Outcome::Accepted,
    })
}

/// What is wrong with the message of an error; `None` if nothing is.
fn complaint(message: &str, target: &Target, path: &Path) -> Option<&'static str> {
    let name = shown(path.file_name().unwrap_or(path.as_os_str()));
    match () {
        () if message.trim().is_empty() => Some("an error without a message"),
        () if message.len() > message::LONGEST => Some("a message without end"),
        () if !message.chars().all(|c| c == '\n' || atrous_files::is_plain(c)) => {
            Some("a message with control characters")
        }
        () if message.ends_with([':', ',', ' ', '\n']) => Some("a message that ends too soon"),
        () if target.names_file && !message.contains(&name) => Some("a message that does not name the file"),
        () => None,
    }
}

/// Whether the bytes are those of a file after damage that a checksum finds for certain: changes within 32 bits, an end that is missing
/// or something behind it.
fn is_damaged(whole: &[u8], bytes: &[u8]) -> bool {
    if whole.len() != bytes.len() {
        return whole.starts_with(bytes) || bytes.starts_with(whole);
    }
    let differ = |at: &usize| whole[*at] != bytes[*at];
    let first = (0..whole.len()).find(differ);
    let last = (0..whole.len()).rfind(differ);
    first.zip(last).is_some_and(|(first, last)| last - first < 4)
}

/// Writes the input into the folder; its path there.
fn put(target: &Target, folder: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    match target.input {
        Input::File(name) => {
            let path = folder.join(name());
            fs::write(&path, bytes)?;
            Ok(path)
        }
        Input::Folder => {
            let path = folder.join("data");
            if path.exists() {
                fs::remove_dir_all(&path)?;
            }
            fs::create_dir_all(&path)?;
            unpack(bytes).iter().for_each(|entry| make(&path, entry));
            Ok(path)
        }
    }
}

/// Makes an entry of a folder. What the system does not make is left out: names that are taken or too long.
fn make(folder: &Path, entry: &Entry) {
    let parts = entry.path.split(|byte| *byte == b'/');
    let mut path = folder.to_owned();
    path.extend(parts.filter(|part| !matches!(*part, b"" | b"." | b"..")).map(name));
    if path == folder {
        return;
    }
    if let Some(above) = path.parent() {
        let _ = fs::create_dir_all(above);
    }
    let _ = match entry.kind {
        Kind::File => fs::write(&path, &entry.data),
        Kind::Directory => fs::create_dir(&path),
        Kind::Link => link(&name(&entry.data), &path),
        Kind::Socket => socket(&path),
    };
}

#[cfg(unix)]
fn name(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(unix)]
fn socket(path: &Path) -> io::Result<()> {
    std::os::unix::net::UnixListener::bind(path).map(drop)
}

#[cfg(not(unix))]
fn name(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(not(unix))]
fn link(_: &Path, path: &Path) -> io::Result<()> {
    fs::write(path, b"")
}

#[cfg(not(unix))]
fn socket(path: &Path) -> io::Result<()> {
    fs::write(path, b"")
}
