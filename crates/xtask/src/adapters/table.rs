//! The tables of docs/adapters.md.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::driver::{NAMES, OWN};
use super::known::Verdict;
use super::suite::Suite;

/// The cells of a line.
pub(super) type Line = Vec<String>;

/// A table of the page, between marks. Its head is the page's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    name: &'static str,
    /// So many first cells tell a line from all others.
    key: usize,
}

pub(super) const PASSES: Table = Table { name: "passes", key: 2 };
pub(super) const DRIVERS: Table = Table { name: "drivers", key: 1 };
pub(super) const NUMBERS: Table = Table { name: "numbers", key: 1 };

/// How many tests of a suite passed.
#[derive(Clone, Debug)]
pub(super) struct Passes {
    suite: Suite,
    verdict: Verdict,
    took: Duration,
}

impl Passes {
    pub(super) fn of(suite: Suite, verdict: &Verdict, took: Duration) -> Self {
        Self { suite, verdict: verdict.clone(), took }
    }

    /// Adapter, suite, passed, known failures, failed, minutes, date.
    pub(super) fn cells(&self, adapter: &str, date: &str) -> Line {
        let Verdict { passed, known, failed, stale, .. } = &self.verdict;
        let minutes = format!("{:.1}", self.took.as_secs_f64() / 60.0);
        let counts = [*passed, known.len(), failed.len() + stale.len()].map(|count| count.to_string());
        [vec![adapter.to_owned(), self.suite.to_string()], counts.into(), vec![minutes, date.to_owned()]].concat()
    }

    /// The same in words.
    pub(super) fn line(&self, adapter: &str) -> String {
        let Verdict { passed, unsupported, known, .. } = &self.verdict;
        let bad = self.verdict.failed.len() + self.verdict.stale.len();
        let failed = if bad == 0 { String::new() } else { format!(", {bad} FAILED") };
        let seconds = self.took.as_secs();
        format!(
            "{adapter}: {}: {passed} passed, {} failed as known, {unsupported} unsupported{failed} ({} min {} s)",
            self.suite,
            known.len(),
            seconds / 60,
            seconds % 60,
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<!-- begin {}: written by cargo xtask adapters --write -->", self.name)
    }
}

const END: &str = "<!-- end -->\n";

impl Table {
    /// Replaces lines of the table in a document, or adds them, in the order of adapters and suites. All others stay.
    ///
    /// # Errors
    /// If the document has no such table, or the lines have other columns.
    pub(super) fn update(&self, document: &str, lines: &[Line]) -> Result<String> {
        let begin = self.to_string();
        let start = document.find(&begin).with_context(|| format!("there is no line {begin:?}"))? + begin.len();
        let end =
            start + document[start..].find(END).with_context(|| format!("{begin:?} has no line {END:?} after it"))?;
        let rows: Vec<&str> = document[start..end].lines().filter(|line| !line.is_empty()).collect();
        let [head, rule, body @ ..] = &*rows else { anyhow::bail!("the table after {begin:?} has no head") };
        let mut all: Vec<Line> = body.iter().map(|row| cells(row)).collect();
        let columns = cells(head).len();
        for line in lines {
            ensure!(line.len() == columns, "{line:?} for {columns} columns");
            all.retain(|old| old[..self.key.min(old.len())] != line[..self.key]);
            all.push(line.clone());
        }
        all.sort_by_key(|line| line.iter().take(self.key).map(|cell| rank(cell)).collect::<Vec<_>>());
        let body: String = all.iter().map(|line| format!("| {} |\n", line.join(" | "))).collect();
        Ok(format!("{}\n{head}\n{rule}\n{body}\n{}", &document[..start], &document[end..]))
    }
}

fn cells(row: &str) -> Line {
    row.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The place of an adapter or a suite in its list.
fn rank(cell: &str) -> usize {
    let adapters = NAMES.into_iter().chain([OWN]).position(|name| name == cell);
    adapters.or(Suite::ALL.iter().position(|suite| suite.to_string() == cell)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cells: &str) -> Line {
        cells.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_replaced_and_added_in_order() {
        let table = Table { name: "t", key: 2 };
        let old = "| mesa25 | doctor | 1 |\n| swiftshader | ops | 2 |\n";
        let document = format!("before\n{table}\n| adapter | suite | n |\n|---|---|---|\n{old}\n{END}after\n{END}");
        let new = table.update(&document, &[line("swiftshader ops 3"), line("mesa25 ops 4"), line("lavapipe ops 5")]);
        let rows = "| lavapipe | ops | 5 |\n| mesa25 | doctor | 1 |\n| mesa25 | ops | 4 |\n| swiftshader | ops | 3 |\n";
        assert_eq!(new.unwrap(), document.replace(old, rows));
        assert!(table.update(&document, &[line("mesa25 ops")]).is_err());
        assert!(table.update("no table", &[]).is_err() && table.update(&table.to_string(), &[]).is_err());
    }

    #[test]
    fn the_page_has_the_tables() {
        let page = std::fs::read_to_string(crate::adapters::paths::root().join("docs/adapters.md")).unwrap();
        for table in [PASSES, DRIVERS, NUMBERS] {
            assert_eq!(table.update(&page, &[]).unwrap(), page);
        }
        let questions = atrous::check::Numbers::QUESTIONS.join(" | ");
        assert!(page.contains(&format!("{NUMBERS}\n| adapter | {questions} |\n")), "the doctor asks {questions}");
    }

    #[test]
    fn what_is_wrong_is_counted_as_failed() {
        let stale = vec!["c passes".to_owned()];
        let verdict =
            Verdict { passed: 3, known: vec!["a".to_owned()], failed: vec!["b".to_owned()], stale, unsupported: 0 };
        let passes = Passes::of(Suite::Ops, &verdict, Duration::from_secs(90));
        assert_eq!(passes.cells("mesa25", "2000-01-02"), line("mesa25 ops 3 1 2 1.5 2000-01-02"));
        assert_eq!(passes.line("x"), "x: ops: 3 passed, 1 failed as known, 0 unsupported, 2 FAILED (1 min 30 s)");
    }
}
