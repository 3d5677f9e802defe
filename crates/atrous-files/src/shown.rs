//! Names of files in messages.

use std::ffi::OsStr;
use std::fmt::Write;

/// A path or another name as text for messages: on one line, with everything visible. Control characters, line separators, and characters
/// that reorder or hide text are written as escapes (`\n`, `\u{202e}`), bytes that are not UTF-8 as `\xFF`.
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in name.as_ref().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if hides(c) { text.extend(c.escape_debug()) } else { text.push(c) }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02X}").expect("a string takes any text");
        }
    }
    text
}

/// Whether a character has no glyph of its own and changes how the text around it looks. The joiners U+200C and U+200D are part of words and
/// emoji.
fn hides(c: char) -> bool {
    let reorders =
        matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{200B}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_one_line_and_hide_nothing() {
        for (name, want) in [
            ("Fotos/größe 'ü' \"x\".jpg", "Fotos/größe 'ü' \"x\".jpg"),
            ("a\nerror: b\t\r\x1b[31m\0", "a\\nerror: b\\t\\r\\u{1b}[31m\\0"),
            ("\u{202E}gpj.exe\u{85}", "\\u{202e}gpj.exe\\u{85}"),
            ("e\u{301} 👩\u{200D}🔬", "e\u{301} 👩\u{200D}🔬"),
        ] {
            assert_eq!(shown(name), want);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_hexadecimal() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shown(OsStr::from_bytes(b"pl\xE4ne\xC3.png")), "pl\\xE4ne\\xC3.png");
    }
}
