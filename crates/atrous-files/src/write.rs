//! Writing of whole files.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::shown;

/// Characters of a temporary name that are drawn. Names that count, or have a process's number, meet between containers that share a folder.
const DRAWN: usize = 16;
const SUFFIX: &str = ".tmp";

/// Creates or replaces a file with what `write` writes, all or nothing: under a temporary name beside it that no other writer has, in this
/// process, in another or in another container; synced to disk, then renamed, and the folder synced. Of writers at the same time, the last
/// wins.
///
/// A symbolic link is replaced by the file, and what it led to stays as it is; see [`follow`](crate::follow). A file that is replaced keeps
/// its permissions, a new one has those that the process gives to new files (`umask`).
///
/// # Errors
/// Those of the system and of `write`; [`ErrorKind::InvalidInput`] if the path names a folder or a device, itself or by a link, or no file
/// at all. The file is then as it was, and no temporary file is left. Only if the folder cannot be synced after the renaming is the file
/// new, but it may be the old one again after a power failure.
pub fn write(path: impl AsRef<Path>, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let path = path.as_ref();
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a folder, a pipe or a device, not a file"));
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Elsewhere folders cannot be opened.
    let folder = cfg!(unix).then(|| File::open(parent)).transpose()?;
    let (file, temporary) = temporary_in(parent, path)?.into_parts();
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    match folder.map_or(Ok(()), |folder| folder.sync_all()) {
        // What file systems say that cannot sync folders.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Removes the temporary files that [`write()`] has left in a folder where it was killed while it wrote one of these files: hidden, called
/// after the file, with drawn characters, ending in `.tmp`. No other process may be writing these files, in this container or another: a
/// program that shares the folder takes a lock first.
///
/// # Errors
/// Those of the system.
pub fn remove_leftovers(folder: &Path, files: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if files.iter().any(|file| is_leftover(&name, file)) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_leftover(name: &str, file: &str) -> bool {
    let drawn = name.strip_prefix('.').and_then(|n| n.strip_prefix(file)).and_then(|n| n.strip_prefix('.'));
    let drawn = drawn.and_then(|n| n.strip_suffix(SUFFIX));
    drawn.is_some_and(|drawn| drawn.len() == DRAWN && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A new file of a hidden name for what will be at `path`; removed when it is dropped.
fn temporary_in(folder: &Path, path: &Path) -> io::Result<NamedTempFile> {
    let no_name = || io::Error::new(ErrorKind::InvalidInput, format!("\"{}\" names no file", shown(path)));
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().ok_or_else(no_name)?);
    prefix.push(".");
    let replaced = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
    let options = new_file(replaced.map(|file| file.permissions()));
    Builder::new().prefix(&prefix).suffix(SUFFIX).rand_bytes(DRAWN).make_in(folder, |path| options.open(path))
}

/// How a file is created that does not exist yet.
fn new_file(permissions: Option<Permissions>) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(permissions) = permissions {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(permissions.mode() & 0o777);
    }
    #[cfg(not(unix))]
    let _ = permissions;
    options
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
            Err(io::Error::from(ErrorKind::StorageFull))
        };
        assert_eq!(write(&path, full).unwrap_err().kind(), ErrorKind::StorageFull);
        let panicked = std::panic::catch_unwind(|| write(&path, |_| panic!("a bug of the caller")));
        assert!(panicked.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a.bin"]);
        write(&path, |out| out.write_all(b"second")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn writers_at_the_same_time_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let contents: Vec<Vec<u8>> = (0..8u8).map(|i| vec![i; 1 << 16]).collect();
        let barrier = std::sync::Barrier::new(contents.len());
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| {
                    let all_begun = |out: &mut BufWriter<File>| {
                        barrier.wait();
                        out.write_all(content)
                    };
                    write(&path, all_begun).unwrap();
                });
            }
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    /// Two containers have processes of the same number, which begin to count at the same number.
    #[test]
    fn temporary_names_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..50 {
            let temporary = temporary_in(folder.path(), &path).unwrap();
            let name = temporary.path().file_name().unwrap().to_str().unwrap().to_owned();
            assert!(is_leftover(&name, "a.bin") && !name.contains(&format!(".{}-", std::process::id())), "{name}");
            assert!(drawn.insert(name));
        }
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut mine = temporary_in(folder.path(), &folder.path().join("last.checkpoint")).unwrap();
        mine.write_all(b"half").unwrap();
        mine.keep().unwrap();
        fs::write(folder.path().join(".curve.png.0123456789abcXYZ.tmp"), b"").unwrap();
        let others = [
            ".hidden.tmp",
            ".last.checkpoint.backup.of.mine.tmp",
            ".last.checkpoint.mine.tmp",
            ".last.checkpoint2.0123456789abcXYZ.tmp",
            "last.checkpoint",
            "last.checkpoint.0123456789abcXYZ.tmp",
        ];
        others.iter().for_each(|name| fs::write(folder.path().join(name), b"").unwrap());
        remove_leftovers(folder.path(), &["last.checkpoint", "curve.png"]).unwrap();
        assert_eq!(names(folder.path()), others);
    }

    #[test]
    fn folders_and_devices_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), |_| Ok(())).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(write(folder.path().join(".."), |_| Ok(())).unwrap_err().kind(), ErrorKind::InvalidInput);
        if cfg!(unix) {
            assert_eq!(write(Path::new("/dev/null"), |_| Ok(())).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_its_target_kept() {
        let [folder, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [target, new] = ["target", "new"].map(|name| elsewhere.path().join(name));
        let [link, dangling, to_folder] = ["link", "dangling", "folder"].map(|name| folder.path().join(name));
        fs::write(&target, b"kept").unwrap();
        for (target, link) in [(&*target, &link), (&*new, &dangling), (elsewhere.path(), &to_folder)] {
            std::os::unix::fs::symlink(target, link).unwrap();
        }
        for path in [&link, &dangling] {
            write(path, |out| out.write_all(b"new")).unwrap();
            assert!(!path.is_symlink() && fs::read(path).unwrap() == b"new");
        }
        assert_eq!(write(&to_folder, |_| Ok(())).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!((fs::read(&target).unwrap(), new.exists()), (b"kept".to_vec(), false));
        write(crate::follow(&to_folder).join("target"), |out| out.write_all(b"named")).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"named");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_new_files_or_of_the_file_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [usual, mine, secret] = ["usual", "mine", "secret"].map(|name| folder.path().join(name));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        fs::write(&usual, b"").unwrap();
        write(&mine, |_| Ok(())).unwrap();
        assert_eq!(mode(&mine), mode(&usual));
        fs::write(&secret, b"").unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        write(&secret, |_| Ok(())).unwrap();
        assert_eq!(mode(&secret) & 0o777, 0o600);
    }
}
