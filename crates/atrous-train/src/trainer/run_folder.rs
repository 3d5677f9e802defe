//! The folder with a training's files.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::lock::{LOCK, Lock};

/// A folder with a training's files. It is locked: no other process can open it at the same time.
///
/// When it is dropped, a folder that [`RunFolder::open`] created and in which nothing was written is removed.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The lock file. The lock ends when it is dropped or the process ends.
    lock: Lock,
    /// Whether [`RunFolder::open`] created the folder.
    made: bool,
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
    #[error(
        "the run folder {} is in use: another training{} is writing into it; wait for its end, or take another folder",
        atrous_files::shown(path),
        .process.map_or_else(String::new, |process| format!(" (process {process})"))
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The number of the process, if it is known.
        process: Option<u32>,
    },
    /// The folder has a training that a new one would overwrite.
    #[error("the run folder {} holds a training: resume it or take another folder", atrous_files::shown(path))]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has the weights of a training, but no checkpoint to resume from.
    #[error(
        "the run folder {} holds the weights of a training, but no checkpoint to resume it from: take another folder, or move {} away",
        atrous_files::shown(path),
        atrous_files::shown(weights)
    )]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
        /// The weights.
        weights: PathBuf,
    },
    /// The checkpoints would fill the disk.
    #[error(
        "the run folder {} needs {needs} bytes more for checkpoints and weights, but its disk has {free} bytes left: make room, or take a \
         folder on another disk",
        atrous_files::shown(path)
    )]
    DiskSpace {
        /// The folder.
        path: PathBuf,
        /// Bytes that its files need beyond what they have.
        needs: u64,
        /// Bytes that are left.
        free: u64,
    },
}

/// How often a folder is created again that others remove.
const TRIES: u32 = 1000;
/// Names of the files, which are replaced atomically.
const FILES: [&str; 5] = ["last.checkpoint", "best.checkpoint", "best.safetensors", "log.jsonl", "curve.png"];

impl RunFolder {
    /// Opens the folder, creates it if it does not exist, and removes incomplete files of processes that were killed.
    ///
    /// The folder itself may be a symbolic link. A link in it is never followed when a file is written, since a folder from elsewhere may
    /// come with links that lead anywhere: the file replaces it, a lock that is a link is refused.
    ///
    /// # Errors
    /// [`RunFolderError::InUse`] if another process has it open, [`RunFolderError::Taken`] if it holds checkpoints or
    /// weights and `resume` is false, [`RunFolderError::NoCheckpoint`] if it holds only weights and `resume` is true,
    /// [`RunFolderError::Io`].
    pub fn open(path: impl AsRef<Path>, resume: bool) -> Result<Self, RunFolderError> {
        let path = path.as_ref().to_owned();
        let io = |source| RunFolderError::Io { path: path.clone(), source };
        let mut made = create(&path).map_err(io)?;
        let mut tries = 0;
        let lock = loop {
            match Lock::take(&path) {
                Ok(Some(lock)) => break lock,
                Ok(None) => {
                    let process =
                        atrous_files::read_text(path.join(LOCK), 64).ok().and_then(|text| text.trim().parse().ok());
                    return Err(RunFolderError::InUse { path, process });
                }
                // Another process has just removed the folder that it had created.
                Err(error) if error.kind() == ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                    made = create(&path).map_err(io)?;
                }
                Err(error) => return Err(io(error)),
            }
        };
        let folder = Self { path, lock, made };
        // Every writer of these files holds the lock, in another container too, so what is left is of a process that has ended.
        atrous_files::remove_leftovers(&folder.path, &FILES)
            .map_err(|source| RunFolderError::Io { path: folder.path.clone(), source })?;
        match Self::checkpoint_in(&folder.path) {
            Some(_) if resume => {}
            None if !folder.weights().exists() => {}
            None if resume => {
                let (path, weights) = (folder.path.clone(), folder.weights());
                return Err(RunFolderError::NoCheckpoint { path, weights });
            }
            _ => return Err(RunFolderError::Taken { path: folder.path.clone() }),
        }
        Ok(folder)
    }

    /// The checkpoint of the training in a folder that it is resumed from: the last, or if that is missing, the best.
    pub fn checkpoint_in(path: impl AsRef<Path>) -> Option<PathBuf> {
        FILES[..2].iter().map(|name| path.as_ref().join(name)).find(|path| path.exists())
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint of the last update that was saved.
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

    /// Checks that the disk has room for both checkpoints, of these bytes each, the weights, and the file that replaces
    /// one of them before the old one is gone. Log and learning curve are not counted.
    ///
    /// # Errors
    /// [`RunFolderError::DiskSpace`]. If the system cannot tell the space that is left, nothing is refused.
    pub(super) fn check_space(&self, checkpoint: u64, weights: u64) -> Result<(), RunFolderError> {
        let Ok(free) = fs4::available_space(&self.path) else { return Ok(()) };
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let there = [self.last(), self.best(), self.weights()].map(size);
        match space_needed(there, checkpoint, weights) {
            needs if needs > free => Err(RunFolderError::DiskSpace { path: self.path.clone(), needs, free }),
            _ => Ok(()),
        }
    }
}

/// The bytes that last checkpoint, best checkpoint, weights and one temporary file need beyond those that the files
/// have.
fn space_needed(there: [u64; 3], checkpoint: u64, weights: u64) -> u64 {
    let lasting: u64 =
        there.iter().zip([checkpoint, checkpoint, weights]).map(|(has, needs)| needs.saturating_sub(*has)).sum();
    lasting.saturating_add(checkpoint)
}

/// Creates a folder with those above it; returns whether it was not there.
fn create(path: &Path) -> io::Result<bool> {
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        fs::create_dir_all(above)?;
    }
    for _ in 0..TRIES {
        match fs::create_dir(path) {
            Ok(()) => return Ok(true),
            Err(_) if path.is_dir() => return Ok(false),
            // Another process has just removed the folder that was in the way.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && fs::symlink_metadata(path).is_err() => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(io::Error::new(ErrorKind::NotADirectory, "it is no folder"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

impl Drop for RunFolder {
    /// Removes what [`RunFolder::open`] created if nothing else is there, while the folder is locked.
    fn drop(&mut self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        let alone = entries.flatten().all(|entry| entry.file_name() == LOCK);
        if self.lock.made && alone {
            // What cannot be removed holds no training.
            let removed = fs::remove_file(self.path.join(LOCK));
            if self.made && removed.is_ok() {
                let _ = fs::remove_dir(&self.path);
            }
        }
    }
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
        let process = std::process::id();
        assert!(matches!(error, RunFolderError::InUse { process: Some(id), .. } if id == process), "{error}");
        assert!(error.to_string().contains(&format!("another training (process {process})")), "{error}");
        fs::write(path.join("notes.txt"), "kept").unwrap();
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
    fn what_is_left_of_a_training_is_never_overwritten() {
        let top = tempfile::tempdir().unwrap();
        let open = |resume| RunFolder::open(top.path(), resume).map(|folder| RunFolder::checkpoint_in(folder.path()));
        for name in ["best.safetensors", "best.checkpoint", "last.checkpoint"] {
            fs::write(top.path().join(name), "").unwrap();
            assert!(matches!(open(false).unwrap_err(), RunFolderError::Taken { .. }), "{name}");
            match open(true) {
                Ok(path) => assert_eq!(path, Some(top.path().join(name))),
                Err(error) => {
                    assert!(
                        error.to_string().contains("holds the weights of a training, but no checkpoint"),
                        "{error}"
                    );
                    assert_eq!(name, "best.safetensors");
                }
            }
        }
    }

    #[test]
    fn only_what_was_created_and_is_empty_is_removed() {
        let top = tempfile::tempdir().unwrap();
        let made = top.path().join("runs/made");
        drop(RunFolder::open(&made, false).unwrap());
        assert!(!made.exists() && top.path().join("runs").exists());
        // A folder that was there stays, without the lock file.
        let there = top.path().join("there");
        fs::create_dir(&there).unwrap();
        drop(RunFolder::open(&there, false).unwrap());
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
        // So does a lock file that was there, and a folder with files.
        fs::write(there.join(LOCK), "").unwrap();
        drop(RunFolder::open(&there, false).unwrap());
        assert!(there.join(LOCK).exists());
        let folder = RunFolder::open(&made, false).unwrap();
        fs::write(folder.log(), "").unwrap();
        drop(folder);
        assert!(made.join("log.jsonl").exists() && made.join(LOCK).exists());
    }

    #[test]
    fn of_many_at_once_one_gets_the_folder_and_its_lock_is_of_the_folder() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("run");
        let holders = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        // The folder is given up at once, and so created and removed again and again.
                        match RunFolder::open(&path, false) {
                            Ok(folder) => {
                                assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                                assert!(folder.path().is_dir());
                                holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            }
                            Err(RunFolderError::InUse { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn the_space_that_files_need_counts_what_is_there() {
        assert_eq!(space_needed([0; 3], 100, 40), 100 + 100 + 40 + 100);
        assert_eq!(space_needed([100, 0, 50], 100, 40), 100 + 100);
        let top = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(top.path().join("run"), false).unwrap();
        folder.check_space(1000, 1000).unwrap();
        let error = folder.check_space(1 << 60, 1 << 59).unwrap_err();
        let RunFolderError::DiskSpace { needs, free, .. } = error else { panic!("{error}") };
        assert!(needs == (3 << 60) + (1 << 59) && free > 0 && free < needs);
    }

    #[test]
    fn what_is_no_folder_is_refused_by_name() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunFolder::open(&file, false).unwrap_err().to_string();
        assert!(error.contains("cannot use the run folder") && error.contains("file"), "{error}");
        if cfg!(target_os = "linux") {
            // A folder in which no file can be made.
            let error = RunFolder::open("/proc", false).unwrap_err().to_string();
            assert!(error.contains("cannot use the run folder /proc"), "{error}");
        }
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
