//! Texts whose last line is the checksum of what is before it.

use crate::{Checksum, excerpt};

/// Beginning of a text's last line.
const SEAL: &str = "checksum: ";

/// A text and its checksum in a last line.
///
/// ```
/// let sealed = atrous_files::sealed("one\n");
/// assert_eq!(sealed, "one\nchecksum: f817a89f\n");
/// assert_eq!(atrous_files::unsealed(sealed.into()).as_deref(), Ok("one\n"));
/// assert!(atrous_files::unsealed(b"two\nchecksum: f817a89f\n".to_vec()).is_err());
/// ```
pub fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", Checksum::of(text.as_bytes()))
}

/// The text before the checksum.
///
/// # Errors
/// If the bytes are no text, or not one that [`sealed`] made; the message says so of "the file".
pub fn unsealed(bytes: Vec<u8>) -> Result<String, String> {
    let mut whole = String::from_utf8(bytes).map_err(|_| "the file is no text".to_owned())?;
    let (text, stated) =
        whole.rsplit_once(SEAL).ok_or("the file has no checksum: it is damaged or of an earlier version")?;
    if whole != sealed(text) {
        let (found, stated) = (Checksum::of(text.as_bytes()), excerpt(stated.trim_end()));
        return Err(format!("the file is damaged: its checksum is {found}, its last line says \"{stated}\""));
    }
    let end = text.len();
    whole.truncate(end);
    Ok(whole)
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
