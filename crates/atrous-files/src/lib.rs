//! Files that are either complete or as they were before: checkpoints, weights, pictures, caches.

mod names;
mod read;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

pub use names::{is_plain, shown};
pub use read::{open, read, read_text};

/// Creates or replaces a file with what `write` writes, all or nothing: under a temporary name beside it, synced to disk,
/// then renamed. A symbolic link is followed and stays a link.
///
/// # Errors
/// Those of the system and of `write`; [`io::ErrorKind::InvalidInput`] if the path names a folder or a device, or no file at all.
/// The file is then as it was, and no temporary file is left.
pub fn write(path: impl AsRef<Path>, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let path = path.as_ref();
    let target = match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a folder or a device, not a file"));
        }
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let (temporary, file) = temporary_beside(&target)?;
    let written = (|| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, &target)
    })();
    if written.is_err() {
        // The write is what failed; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync_folder(&target)
}

/// Removes the temporary files that processes killed while they wrote one of these files have left in a folder: hidden, called after
/// the file, ending in `.tmp`. No other process may be writing there.
///
/// # Errors
/// Those of the system.
pub fn remove_leftovers(folder: &Path, files: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let of = |file: &&str| {
            name.strip_prefix('.').and_then(|n| n.strip_prefix(*file)).is_some_and(|n| n.starts_with('.'))
        };
        if files.iter().any(of) && name.ends_with(".tmp") && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A new file of a hidden name beside `target`: one that no other write of this or another process uses.
fn temporary_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name =
        target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = target.with_file_name(format!(".{}.{}-{count}.tmp", name.to_string_lossy(), process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            // Left by a killed process that had the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (path, file)),
        }
    }
}

/// Makes the rename itself durable, on systems where a folder can be opened and synced.
fn sync_folder(target: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write(&path, |out| out.write_all(b"first")).unwrap();
        let full = |out: &mut BufWriter<File>| {
            out.write_all(&[0; 3 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert_eq!(write(&path, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.bin"]);
        write(&path, |out| out.write_all(b"second")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut mine) = temporary_beside(&folder.path().join("last.checkpoint")).unwrap();
        mine.write_all(b"half").unwrap();
        fs::write(folder.path().join(".curve.png.77-1.tmp"), b"").unwrap();
        let others = [".hidden.tmp", ".last.checkpoint2.1-0.tmp", "last.checkpoint", "last.checkpoint.tmp"];
        others.iter().for_each(|name| fs::write(folder.path().join(name), b"").unwrap());
        remove_leftovers(folder.path(), &["last.checkpoint", "curve.png"]).unwrap();
        assert_eq!(names(folder.path()), others);
    }

    #[test]
    fn folders_and_devices_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), |_| Ok(())).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        if cfg!(unix) {
            assert_eq!(write(Path::new("/dev/null"), |_| Ok(())).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
