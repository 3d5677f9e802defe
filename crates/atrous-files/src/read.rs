//! Reading of regular files, and of no more of them than is wanted.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Opens a regular file for reading; symbolic links are followed. It never waits: a pipe without a writer, a terminal or another device
/// is refused at once.
///
/// # Errors
/// Those of the system; [`ErrorKind::IsADirectory`] for a folder, [`ErrorKind::InvalidInput`] for a pipe, socket or device. The
/// message says which, but not the path.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    // Opening a device can already act on it (a tape rewinds), so it is not even opened.
    check_regular(fs::metadata(path)?.file_type())?;
    let mut options = OpenOptions::new();
    options.read(true);
    // Another kind of file may have taken the name since: opened in this mode, a pipe does not wait for its writer. Regular files
    // ignore the mode.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    check_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// The content of a regular file of at most `max` bytes; see [`open`].
///
/// # Errors
/// Those of [`open`] and of the system; [`ErrorKind::FileTooLarge`] beyond `max` bytes, of which no more is read than that.
pub fn read(path: impl AsRef<Path>, max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let stated = file.metadata()?.len();
    let too_large =
        |bytes| io::Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes or more, the limit is {max}"));
    if stated > max {
        return Err(too_large(stated));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stated).unwrap_or(0));
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    let read = bytes.len() as u64;
    if read > max { Err(too_large(read)) } else { Ok(bytes) }
}

/// The text of a regular file of at most `max` bytes; see [`read`].
///
/// # Errors
/// Those of [`read`]; [`ErrorKind::InvalidData`] if it is not UTF-8, with the position.
pub fn read_text(path: impl AsRef<Path>, max: u64) -> io::Result<String> {
    String::from_utf8(read(path, max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("it is not UTF-8 text, at byte {at}"))
    })
}

pub(crate) fn check_regular(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    let message = format!("it is a {}, not a regular file: write its content into a file first", name(kind));
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_fifo() => "pipe (FIFO)",
        _ if kind.is_socket() => "socket",
        _ if kind.is_block_device() => "block device",
        _ => "character device",
    }
}

#[cfg(not(unix))]
fn name(_: FileType) -> &'static str {
    "pipe or device"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "größer").unwrap();
        assert_eq!(read_text(&path, 8).unwrap(), "größer");
        let error = read(&path, 7).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it has 8 bytes or more, the limit is 7");
        fs::write(&path, b"ab\xFF").unwrap();
        assert_eq!(read_text(&path, 8).unwrap_err().to_string(), "it is not UTF-8 text, at byte 2");
        assert_eq!(open(folder.path().join("b")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(open(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    /// A pipe without a writer would wait for ever, `/dev/zero` would never end.
    #[cfg(unix)]
    #[test]
    fn pipes_sockets_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, socket, link] = ["pipe", "socket", "link"].map(|name| folder.path().join(name));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("pipe", &link).unwrap();
        let devices = [(Path::new("/dev/zero"), "character device"), (Path::new("/dev/null"), "character device")];
        let files = [(&*pipe, "pipe (FIFO)"), (&*link, "pipe (FIFO)"), (&*socket, "socket")];
        for (path, kind) in files.into_iter().chain(devices) {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let want = format!("it is a {kind}, not a regular file: write its content into a file first");
            assert_eq!(error.to_string(), want);
        }
    }
}
