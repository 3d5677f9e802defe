//! Symbolic links.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::read::check_regular;
use crate::{excerpt, shown};

/// Opens or creates a regular file that stays under its name, such as a log or a lock, but never through a symbolic link.
///
/// # Errors
/// Those of the system; [`ErrorKind::InvalidInput`] for a link, pipe, socket or device, [`ErrorKind::IsADirectory`] for a folder. The
/// message says which, but not the path.
pub fn open_no_follow(path: impl AsRef<Path>, options: &mut OpenOptions) -> io::Result<File> {
    let path = path.as_ref();
    if let Ok(found) = fs::symlink_metadata(path) {
        check_no_link(path, &found)?;
        check_regular(found.file_type())?;
    }
    // A link or a pipe may have taken the name since: the one is refused by the system then, the other does not wait.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    check_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn check_no_link(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    if !found.is_symlink() {
        return Ok(());
    }
    let to = fs::read_link(path).map_or_else(|_| String::new(), |to| format!(" to {}", excerpt(shown(to))));
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is a symbolic link{to}, which is not followed: remove it")))
}

/// The file behind a symbolic link, for paths that a program's user names: as with `cp` and a shell's `>`, the link stays and its target is
/// written. All other paths are returned as they are, as is a link that leads nowhere, which [`write()`](crate::write()) replaces.
pub fn follow(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    match path.is_symlink() {
        true => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        false => path.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_opened_and_no_link_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, dangling, pipe] = ["file", "link", "dangling", "pipe"].map(|name| folder.path().join(name));
        let append = |path: &Path| open_no_follow(path, OpenOptions::new().append(true).create(true));
        append(&file).unwrap().write_all(b"one").unwrap();
        append(&file).unwrap().write_all(b" two").unwrap();
        symlink("file", &link).unwrap();
        symlink("new", &dangling).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, start) in [
            (&link, "it is a symbolic link to file, which is not followed: remove it"),
            (&dangling, "it is a symbolic link to new, "),
            (&pipe, "it is a pipe (FIFO), not a regular file"),
        ] {
            let error = append(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(start), "{error}");
        }
        assert_eq!(append(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(fs::read(&file).unwrap(), b"one two");
        assert!(!folder.path().join("new").exists());
    }

    #[test]
    fn a_user_s_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, dangling] = ["file", "link", "dangling"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        symlink("file", &link).unwrap();
        symlink("nowhere", &dangling).unwrap();
        assert_eq!(follow(&link), fs::canonicalize(&file).unwrap());
        assert_eq!((follow(&file), follow(&dangling)), (file, dangling));
    }
}
