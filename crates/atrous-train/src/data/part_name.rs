//! Names of folders that hold parts of data rather than classes.

const PARTS: [&str; 10] =
    ["train", "training", "val", "valid", "validation", "test", "testing", "eval", "dev", "holdout"];

/// Whether a folder of this name usually holds a part of the data.
pub(crate) fn is_part(name: &str) -> bool {
    PARTS.iter().any(|part| name.eq_ignore_ascii_case(part))
}
