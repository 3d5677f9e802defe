//! The report: one line per case, then the counts.

use std::{fmt::Display, io::Write};

use anyhow::Result;
use atrous_graph::GraphError;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The case needs something that atrous does not have.
    #[error("{0}")]
    Unsupported(String),
    /// A result differs, or something that should work failed.
    #[error("{0}")]
    Failed(String),
}

impl CaseError {
    /// A failure with the text of another error.
    pub fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<GraphError> for CaseError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Unsupported { .. } => Self::Unsupported(error.to_string()),
            _ => Self::failed(error),
        }
    }
}

/// Numbers of cases by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases whose results agree.
    pub passed: usize,
    /// Cases whose results differ.
    pub failed: usize,
    /// Cases that need something atrous does not have.
    pub unsupported: usize,
}

/// Writes the result of each case as it ends.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    summary: Summary,
}

impl<'a> Report<'a> {
    /// A report into `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, summary: Summary::default() }
    }

    /// Writes the line of one case.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn case(&mut self, name: &str, result: &Result<(), CaseError>) -> Result<()> {
        match result {
            Ok(()) => {
                self.summary.passed += 1;
                writeln!(self.out, "ok {name}")?;
            }
            Err(CaseError::Failed(why)) => {
                self.summary.failed += 1;
                writeln!(self.out, "FAIL {name}: {}", one_line(why))?;
            }
            Err(CaseError::Unsupported(why)) => {
                self.summary.unsupported += 1;
                writeln!(self.out, "unsupported {name}: {}", one_line(why))?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// Writes the counts.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn close(self) -> Result<Summary> {
        let Summary { passed, failed, unsupported } = self.summary;
        writeln!(self.out, "golden: {passed} passed, {failed} failed, {unsupported} unsupported")?;
        Ok(self.summary)
    }
}

fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_one_line_and_counted() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        report.case("a", &Ok(())).unwrap();
        report.case("b", &Err(CaseError::Failed("off\n  by 2".to_owned()))).unwrap();
        report.case("c", &Err(CaseError::Unsupported("new".to_owned()))).unwrap();
        assert_eq!(report.close().unwrap(), Summary { passed: 1, failed: 1, unsupported: 1 });
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "ok a\nFAIL b: off; by 2\nunsupported c: new\ngolden: 1 passed, 1 failed, 1 unsupported\n");
    }
}
