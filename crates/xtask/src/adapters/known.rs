//! Failures that are known, and how results are judged with them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::check::{Check, Outcome};
use super::driver;
use super::suite::{SMALLEST, Suite};

/// A failure that is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    adapter: String,
    suite: Suite,
    /// The name of the test or case.
    test: String,
    /// Part of what it prints: a failure with other words is not this one.
    says: String,
    /// Why it fails, and why that is not mended here.
    reason: String,
    /// Where that can be read: the driver's source or issue.
    link: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    failure: Vec<Known>,
}

/// Reads the list.
///
/// # Errors
/// If there is no such file, or it has unknown keys, adapters that do not exist, empty texts, or a failure twice.
pub(super) fn read(path: &Path) -> Result<Vec<Known>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Known>> {
    let File { failure } = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    for known in &failure {
        let Known { adapter, suite, test, says, reason, link } = known;
        let what = format!("{adapter}, {suite}, {test}");
        ensure!(driver::NAMES.contains(&&**adapter), "{what}: there is no adapter {adapter}");
        ensure!(![test, says, reason].iter().any(|text| text.trim().is_empty()), "{what}: an empty text");
        ensure!(link.starts_with("https://"), "{what}: the link must begin with https://");
        ensure!(*suite != Suite::Smallest, "{what}: it is of networks");
        ensure!(seen.insert(what.clone()), "{what}: twice");
    }
    Ok(failure)
}

impl Known {
    /// Whether the suite has the test on this adapter.
    pub(super) fn is_of(&self, adapter: &str, suite: Suite) -> bool {
        let part = suite == Suite::Smallest && self.suite == Suite::Networks && self.test.starts_with(SMALLEST);
        self.adapter == adapter && (self.suite == suite || part)
    }
}

/// The results of a suite.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) passed: usize,
    pub(super) unsupported: usize,
    /// Failures that are known, with their reasons.
    pub(super) known: Vec<String>,
    /// Tests that failed and should not have.
    pub(super) failed: Vec<String>,
    /// What is wrong with the list of known failures: those that pass, and those of tests that do not exist.
    pub(super) stale: Vec<String>,
}

impl Verdict {
    /// Judges the results of a suite by the failures that are known of it.
    pub(super) fn of(checks: &[Check], known: &[&Known]) -> Self {
        let mut verdict = Self::default();
        for check in checks {
            let name = &check.name;
            match (&check.outcome, known.iter().find(|known| known.test == *name)) {
                (Outcome::Passed, None) => verdict.passed += 1,
                (Outcome::Unsupported, None) => verdict.unsupported += 1,
                (Outcome::Failed(text), Some(known)) if text.contains(&known.says) => {
                    verdict.known.push(format!("{name}: {} <{}>", known.reason, known.link));
                }
                (Outcome::Failed(_), Some(known)) => {
                    verdict.failed.push(format!("{name} (it is known to fail with the words {:?})", known.says));
                }
                (Outcome::Failed(_), None) => verdict.failed.push(name.clone()),
                (Outcome::Passed | Outcome::Unsupported, Some(_)) => {
                    verdict
                        .stale
                        .push(format!("{name} does not fail any more: remove it from crates/xtask/adapters.toml"));
                }
            }
        }
        let missing = known.iter().filter(|known| checks.iter().all(|check| check.name != known.test));
        verdict.stale.extend(missing.map(|known| format!("{} did not run: there is no such test", known.test)));
        verdict
    }

    /// Whether nothing failed that was not known, and the list of known failures is right.
    pub(super) fn good(&self) -> bool {
        self.failed.is_empty() && self.stale.is_empty()
    }
}

impl fmt::Display for Verdict {
    /// A line for each failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [("known", &self.known), ("FAILED", &self.failed), ("FAILED", &self.stale)];
        lines
            .into_iter()
            .flat_map(|(word, all)| all.iter().map(move |line| (word, line)))
            .try_for_each(|(word, line)| writeln!(f, "{word}: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"
        [[failure]]
        adapter = "swiftshader"
        suite = "ops"
        test = "conv::large"
        says = "off by"
        reason = "rounds twice"
        link = "https://example.org"
    "#;

    fn check(name: &str, outcome: Outcome) -> Check {
        Check { name: name.to_owned(), outcome }
    }

    fn failed(text: &str) -> Outcome {
        Outcome::Failed(text.to_owned())
    }

    fn judge(checks: &[Check]) -> Verdict {
        let all = parse(ONE).unwrap();
        Verdict::of(checks, &all.iter().filter(|known| known.is_of("swiftshader", Suite::Ops)).collect::<Vec<_>>())
    }

    #[test]
    fn a_known_failure_is_no_failure() {
        let verdict = judge(&[check("a", Outcome::Passed), check("conv::large", failed("it is off by 2"))]);
        assert!(verdict.good() && (verdict.passed, verdict.known.len()) == (1, 1), "{verdict:?}");
        assert_eq!(verdict.to_string(), "known: conv::large: rounds twice <https://example.org>\n");
    }

    #[test]
    fn all_other_failures_are() {
        let other = judge(&[check("conv::large", failed("signal: 11"))]);
        assert!(!other.good() && other.to_string().contains("known to fail with the words \"off by\""), "{other}");
        let unknown = judge(&[check("b", failed("off by 2")), check("conv::large", failed("off by 2"))]);
        assert!(!unknown.good() && unknown.failed == ["b"], "{unknown:?}");
    }

    #[test]
    fn a_known_failure_that_passes_or_does_not_exist_fails() {
        let passes = judge(&[check("conv::large", Outcome::Passed)]);
        assert!(!passes.good() && passes.to_string().contains("conv::large does not fail any more"), "{passes}");
        let missing = judge(&[check("a", Outcome::Passed)]);
        assert!(!missing.good() && missing.to_string().contains("conv::large did not run"), "{missing}");
    }

    #[test]
    fn the_list_is_read_strictly() {
        assert_eq!(parse("").unwrap().len(), 0);
        let changes = [
            ("says", "sais"),
            ("swiftshader", "swiftshade"),
            ("\"ops\"", "\"opps\""),
            ("\"ops\"", "\"smallest\""),
            ("off by", " "),
            ("https:", "http:"),
            ("[[failure]]", "[[failures]]"),
        ];
        for (from, to) in changes {
            assert!(ONE.contains(from) && parse(&ONE.replace(from, to)).is_err(), "{to}");
        }
        let error = parse(&[ONE, ONE].concat()).unwrap_err().to_string();
        assert_eq!(error, "swiftshader, ops, conv::large: twice");
    }

    #[test]
    fn failures_of_the_smallest_network_are_those_of_networks() {
        let of = |test: &str| parse(&ONE.replace("\"ops\"", "\"networks\"").replace("conv::large", test)).unwrap();
        assert!(of("tiny_cnn/train")[0].is_of("swiftshader", Suite::Smallest));
        assert!(of("tiny_cnn/train")[0].is_of("swiftshader", Suite::Networks));
        assert!(!of("tiny_unet/train")[0].is_of("swiftshader", Suite::Smallest));
        assert!(!of("tiny_cnn/train")[0].is_of("mesa25", Suite::Smallest));
    }

    #[test]
    fn the_list_of_this_repository_is_valid() {
        read(&crate::adapters::paths::root().join("crates/xtask/adapters.toml")).unwrap();
    }
}
