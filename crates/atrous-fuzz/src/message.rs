//! Messages of errors.

use std::fmt::Display;

/// Longest message, in bytes.
pub(crate) const LONGEST: usize = 4096;

/// The message of an error.
pub(crate) fn text(error: impl Display) -> String {
    error.to_string()
}

/// A message about what was read, not about reading: it need not name the file, but must be one.
pub(crate) fn must_be_text(message: &impl Display) {
    let message = message.to_string();
    assert!(!message.trim().is_empty(), "an error without a message");
    assert!(message.len() <= LONGEST, "a message without end: {message}");
    let plain = message.chars().all(|c| c == '\n' || atrous_files::is_plain(c));
    assert!(plain, "a message with control characters: {message:?}");
}
