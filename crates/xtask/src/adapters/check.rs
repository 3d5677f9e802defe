//! The result of a test.

use serde::{Deserialize, Serialize};

/// The result of a test or case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Passed,
    /// What the test has printed.
    Failed(String),
    /// The case needs something that atrous does not have.
    Unsupported,
}

impl Check {
    /// What fails if a process ends without results of all cases.
    pub(super) fn early(after: &str, status: &str) -> Self {
        let text = format!("ended early, after {after}: {status}");
        Self { name: "the whole run".to_owned(), outcome: Outcome::Failed(text) }
    }
}
