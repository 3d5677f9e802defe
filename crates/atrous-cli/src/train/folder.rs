//! The run folder of a training.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::error::Failed;

/// The run folder of a training: that of the configuration, or one of a name of its own, created for it and removed
/// with it if it is empty.
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    /// The folder for this configuration. By default its name has the time in UTC: `runs/small_unet-2026-01-31-235959`,
    /// then with `-2`, `-3` … for trainings that begin in the same second.
    pub(super) fn of(config: &Config) -> Result<Self, Failed> {
        match &config.run_folder {
            Some(path) => Ok(Self { path: path.to_path_buf(), made: false }),
            None => Self::new_below(Path::new("runs"), &config.model, &now()),
        }
    }

    fn new_below(runs: &Path, model: &str, time: &str) -> Result<Self, Failed> {
        let fail = |path: &Path, source| Failed::Io { action: "create", path: path.to_owned(), source };
        fs::create_dir_all(runs).map_err(|source| fail(runs, source))?;
        for count in 1.. {
            let path = runs.join(match count {
                1 => format!("{model}-{time}"),
                _ => format!("{model}-{time}-{count}"),
            });
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, made: true }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(fail(&path, source)),
            }
        }
        unreachable!("no folder has so many neighbours")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    /// Removes the folder if it was created here and nothing was written into it: the system does not remove others.
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_of_the_same_second_have_folders_of_their_own() {
        let runs = std::env::temp_dir().join(format!("atrous-folders-{}", std::process::id()));
        let new = || Folder::new_below(&runs, "unet", "2026-01-31-235959").unwrap();
        let (first, second) = std::thread::scope(|scope| {
            let threads = [scope.spawn(new), scope.spawn(new)].map(|thread| thread.join().unwrap());
            threads.into()
        });
        let mut names: Vec<_> = [&first, &second].map(|folder| folder.path().file_name().unwrap().to_owned()).into();
        names.sort();
        assert_eq!(names, ["unet-2026-01-31-235959", "unet-2026-01-31-235959-2"]);
        // Only empty ones are removed.
        fs::write(first.path().join("log.jsonl"), "").unwrap();
        let paths = [&first, &second].map(|folder| folder.path().to_owned());
        drop((first, second));
        assert_eq!(paths.map(|path| path.exists()), [true, false]);
        fs::remove_dir_all(&runs).unwrap();
    }
}
