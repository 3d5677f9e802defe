//! The lock of a run folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    path::Path,
};

use same_file::Handle;

/// Name of the lock file.
pub(super) const LOCK: &str = ".lock";

/// A lock file that is locked.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    /// Whether it was created when it was locked.
    pub(super) made: bool,
}

impl Lock {
    /// Locks a folder's lock file, which is created if it is not there; `None` if another process has locked it.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        loop {
            let (mut file, made) = match open_lock(&path, OpenOptions::new().create_new(true)) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    match open_lock(&path, &mut OpenOptions::new()) {
                        Ok(file) => (file, false),
                        // It was removed in between.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // A process that gives up its folder removes the lock file while it has it locked: then this is not the
            // folder's any more.
            let current = Handle::from_path(&path).ok();
            if current != Some(Handle::from_file(file.try_clone()?)?) {
                continue;
            }
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            return Ok(Some(Self { _file: file, made }));
        }
    }
}

/// Opens the lock file of a folder, which must be no link.
fn open_lock(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    atrous_files::open_no_follow(path, options.read(true).write(true))
        .map_err(|error| io::Error::new(error.kind(), format!("its file {LOCK}: {error}")))
}
