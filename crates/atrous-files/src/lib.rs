//! Files that are either complete or as they were before: checkpoints, weights, pictures, caches. Reading of regular files only,
//! checksums, and names in messages.
//!
//! No file that this crate writes is reached through a symbolic link, which may come with a folder from elsewhere and lead anywhere:
//! [`write()`] replaces a link, [`open_no_follow`] refuses it. Where a program's user names the file, [`follow`] gives the file behind a link.

mod checksum;
mod link;
mod names;
mod read;
mod sealed;
mod write;

pub use checksum::Checksum;
pub use link::{follow, open_no_follow};
pub use names::{excerpt, is_plain, shown};
pub use read::{open, read, read_text};
pub use sealed::{sealed, unsealed};
pub use write::{remove_leftovers, write};
