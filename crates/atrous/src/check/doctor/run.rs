//! One run of an examination.

use atrous_kernels::Choice;

use crate::check::CheckError;

/// A run of a kernel.
pub(super) struct Run {
    pub(super) operation: String,
    pub(super) choice: Choice,
    /// What is wrong.
    pub(super) error: Option<CheckError>,
}
