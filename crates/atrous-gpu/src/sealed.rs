//! Text files whose last line is the checksum of what is before it.

use std::path::Path;

use atrous_files::Checksum;

use crate::whole_file::content;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Beginning of a file's last line.
const SEAL: &str = "checksum: ";

/// A text and its checksum in a last line.
pub(crate) fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", Checksum::of(text.as_bytes()))
}

/// The text before the checksum of a file; `None` if there is no file.
pub(crate) fn read(file: &Path) -> Result<Option<String>, String> {
    match content(file, MAX_BYTES) {
        Ok(bytes) => bytes.map(unsealed).transpose(),
        Err(error) => Err(error.to_string()),
    }
}

/// The text before the checksum.
fn unsealed(bytes: Vec<u8>) -> Result<String, String> {
    let whole = String::from_utf8(bytes).map_err(|_| "the file is no text".to_owned())?;
    let (text, stated) =
        whole.rsplit_once(SEAL).ok_or("the file has no checksum: it is damaged or of an earlier version")?;
    if whole != sealed(text) {
        let found = Checksum::of(text.as_bytes());
        return Err(format!("the file is damaged: its checksum is {found}, its last line says {}", stated.trim_end()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_missing_or_added_byte_is_found() {
        let text = "atrous choices 1\nadapter: a GPU\nconv2d: 1×1 = direct, best of 3\n";
        let whole = sealed(text);
        assert_eq!(unsealed(whole.clone().into()), Ok(text.to_owned()));
        for at in 0..whole.len() {
            for change in 1..=255 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= change;
                assert!(unsealed(bytes).is_err(), "byte {at}");
            }
            assert!(unsealed(whole.as_bytes()[..at].to_vec()).is_err(), "{at} bytes");
        }
        assert!(unsealed(format!("{whole}\n").into()).is_err());
        assert!(unsealed(text.into()).unwrap_err().contains("has no checksum"));
        let reason = unsealed(whole.replace("best of 3", "best of 4").into()).unwrap_err();
        assert!(reason.starts_with("the file is damaged: its checksum is "), "{reason}");
    }
}
