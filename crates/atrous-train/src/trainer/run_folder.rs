//! The folder with a training's files.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// A folder with a training's files. It is locked: no other process can open it at the same time.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The lock file. The lock ends when it is dropped or the process ends.
    _lock: File,
}

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// The system reported an error.
    #[error("cannot use the run folder {}: {source}", atrous_files::shown(path))]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another training uses the folder.
    #[error("another training is writing into the run folder {}", atrous_files::shown(path))]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has a training that a new one would overwrite.
    #[error("the run folder {} holds a training: resume it or take another folder", atrous_files::shown(path))]
    Taken {
        /// The folder.
        path: PathBuf,
    },
}

/// Names of the files, which are replaced atomically.
const FILES: [&str; 5] = ["last.checkpoint", "best.checkpoint", "best.safetensors", "log.jsonl", "curve.png"];
/// The file that is locked.
const LOCK: &str = ".lock";

impl RunFolder {
    /// Opens the folder, creates it if it does not exist, and removes incomplete files of processes that were killed.
    ///
    /// The folder itself may be a symbolic link. A link in it is never followed when a file is written, since a folder from elsewhere may
    /// come with links that lead anywhere: the file replaces it, a lock that is a link is refused.
    ///
    /// # Errors
    /// [`RunFolderError::InUse`] if another process has it open, [`RunFolderError::Taken`] if it holds a checkpoint and
    /// `resume` is false, [`RunFolderError::Io`].
    pub fn open(path: impl AsRef<Path>, resume: bool) -> Result<Self, RunFolderError> {
        let path = path.as_ref().to_owned();
        let io = |source| RunFolderError::Io { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(io)?;
        let lock = open_lock(&path).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunFolderError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // Every writer of these files holds the lock, in another container too, so what is left is of a process that has ended.
        atrous_files::remove_leftovers(&path, &FILES).map_err(io)?;
        let folder = Self { path, _lock: lock };
        if !resume && folder.last().exists() {
            return Err(RunFolderError::Taken { path: folder.path });
        }
        Ok(folder)
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint that a training is resumed from.
    pub fn last(&self) -> PathBuf {
        self.path.join(FILES[0])
    }

    /// The checkpoint with the best value of the watched quantity.
    pub fn best(&self) -> PathBuf {
        self.path.join(FILES[1])
    }

    /// The parameters of the best checkpoint, as a weights file with the framework's names.
    pub fn weights(&self) -> PathBuf {
        self.path.join(FILES[2])
    }

    /// The log, one JSON object per line.
    pub fn log(&self) -> PathBuf {
        self.path.join(FILES[3])
    }

    /// The picture of the learning curve; only written with the feature `plot`.
    pub fn curve(&self) -> PathBuf {
        self.path.join(FILES[4])
    }
}

/// Opens the lock file, which nothing is written into.
fn open_lock(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    atrous_files::open_no_follow(folder.join(LOCK), options.read(true).write(true).create(true).truncate(false))
        .map_err(|error| io::Error::new(error.kind(), format!("its file {LOCK}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_locked_and_cleaned() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("runs/first");
        let folder = RunFolder::open(&path, false).unwrap();
        let error = RunFolder::open(&path, true).unwrap_err();
        assert!(matches!(error, RunFolderError::InUse { .. }), "{error}");
        fs::write(path.join(".last.checkpoint.0123456789abcdef.tmp"), "half").unwrap();
        drop(folder);
        let folder = RunFolder::open(&path, false).unwrap();
        assert!(!path.join(".last.checkpoint.0123456789abcdef.tmp").exists());
        fs::write(folder.last(), "").unwrap();
        drop(folder);
        let error = RunFolder::open(&path, false).unwrap_err();
        assert!(error.to_string().contains("holds a training"), "{error}");
        RunFolder::open(&path, true).unwrap();
    }

    #[test]
    fn what_is_no_folder_is_refused_by_name() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunFolder::open(&file, false).unwrap_err().to_string();
        assert!(error.contains("cannot use the run folder") && error.contains("file"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_link_empties_no_file() {
        let [top, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let precious = elsewhere.path().join("precious");
        fs::write(&precious, "kept").unwrap();
        let run = top.path().join("run");
        fs::create_dir(&run).unwrap();
        std::os::unix::fs::symlink(&precious, run.join(".lock")).unwrap();
        let error = RunFolder::open(&run, true).unwrap_err().to_string();
        assert!(error.contains("its file .lock: it is a symbolic link to") && error.contains("precious"), "{error}");
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
        fs::remove_file(run.join(".lock")).unwrap();
        std::os::unix::fs::symlink(&run, top.path().join("link to the folder")).unwrap();
        RunFolder::open(top.path().join("link to the folder"), true).unwrap();
    }
}
