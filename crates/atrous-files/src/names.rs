//! Names of files as text.

use std::ffi::OsStr;
use std::fmt::Write;

/// A path or another name as text of one line, for messages. Control characters, line separators and characters that change the
/// direction of text are escaped (`\n`, `\u{1b}`), and so are bytes that are not UTF-8 (`\xFF`).
///
/// ```
/// assert_eq!(atrous_files::shown("größe/a b.png"), "größe/a b.png");
/// assert_eq!(atrous_files::shown("a\nb\u{1b}[31m.png"), r"a\nb\u{1b}[31m.png");
/// ```
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_plain(c) {
                true => text.push(c),
                false => text.extend(c.escape_default()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// Whether a character is shown as it is, on the line where it stands. The joiners U+200C and U+200D are: words and emoji have them.
pub fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}');
    !(c.is_control() || turns || hides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_text_is_escaped() {
        assert_eq!(shown("a\r\n\tb"), r"a\r\n\tb");
        assert_eq!(shown("\u{202e}gpj.exe\u{2028}"), r"\u{202e}gpj.exe\u{2028}");
        assert_eq!(shown("a\u{200b}b\u{61c}\u{85}"), r"a\u{200b}b\u{61c}\u{85}");
        assert_eq!(shown("日本 é e\u{301} 👩\u{200d}🔬"), "日本 é e\u{301} 👩\u{200d}🔬");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_told_apart() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shown(OsStr::from_bytes(b"caf\xe9/\xff\xfe")), r"caf\xE9/\xFF\xFE");
    }
}
