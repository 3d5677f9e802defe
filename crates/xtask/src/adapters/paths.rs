//! Where things lie.

use std::path::{Path, PathBuf};

/// The repository.
pub(super) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of drivers, and of what is kept for each adapter.
pub(super) fn folder() -> PathBuf {
    root().join("target/adapters")
}
