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

/// Most characters of an [`excerpt`], and how many of them are its end.
const MOST: usize = 500;
const END: usize = 150;

/// A piece of a file's content as text of one line, for messages: escaped as by [`shown`], and of a long piece the beginning and the end.
/// A damaged or hostile file may have anything in it, such as a name of a million characters.
///
/// ```
/// assert_eq!(atrous_files::excerpt("layer1.weight"), "layer1.weight");
/// assert_eq!(atrous_files::excerpt("a\u{1b}[2J"), r"a\u{1b}[2J");
/// assert_eq!(atrous_files::excerpt("a".repeat(1_000_000)).chars().count(), 500);
/// ```
pub fn excerpt(content: impl AsRef<str>) -> String {
    let content = content.as_ref();
    // An escape has up to 10 characters; no more is escaped than is shown.
    let Some((cut, _)) = content.char_indices().nth(MOST) else { return shortened(shown(content)) };
    let end = content.char_indices().rev().nth(END).map_or(0, |(at, _)| at);
    shortened(format!("{} … {}", shown(&content[..cut]), shown(&content[end..])))
}

fn shortened(text: String) -> String {
    let count = text.chars().count();
    if count <= MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST - END - 3).collect();
    let end: String = text.chars().skip(count - END).collect();
    format!("{begin} … {end}")
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

    #[test]
    fn excerpts_are_short_whatever_is_in_them() {
        let names = "a".repeat(499) + "b";
        assert_eq!(excerpt(&names), names);
        for long in ["ä".repeat(501), "\u{202e}".repeat(100_000), "\n".repeat(499), "x".repeat(600) + "\u{1b}"] {
            let text = excerpt(&long);
            assert!(text.chars().count() == MOST && text.contains(" … ") && text.chars().all(is_plain), "{text}");
        }
        let ends = excerpt("begin".to_owned() + &" ".repeat(5000) + "end");
        assert!(ends.starts_with("begin ") && ends.ends_with(" end"), "{ends}");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_text_are_told_apart() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shown(OsStr::from_bytes(b"caf\xe9/\xff\xfe")), r"caf\xE9/\xFF\xFE");
    }
}
