//! What a process tells the one that started it: lines of text.

use std::collections::BTreeMap;
use std::fmt;

/// What became of the cases of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// Different messages of errors, without names and numbers, each with the first whole one.
    pub(crate) messages: BTreeMap<String, String>,
    /// Where the input of each fault is, and the fault in words.
    pub(crate) faults: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn cases(&self) -> u64 {
        self.accepted + self.refused + self.faults.len() as u64
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&mut self, message: String) {
        self.refused += 1;
        self.messages.entry(kind(&message)).or_insert(message);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.faults.extend(other.faults);
        for (kind, message) in other.messages {
            self.messages.entry(kind).or_insert(message);
        }
    }

    /// The report in the lines of another process, and lines that are none of a report.
    pub(crate) fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut report, mut others) = (Self::default(), Vec::new());
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["accepted", count] => report.accepted += count.parse::<u64>().unwrap_or(0),
                ["refused", count] => report.refused += count.parse::<u64>().unwrap_or(0),
                ["message", message] => drop(report.messages.insert(kind(message), message.to_owned())),
                ["fault", input, what] => report.faults.push((input.to_owned(), what.to_owned())),
                _ => others.push(line.to_owned()),
            }
        }
        (report, others)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = |text: &str| text.replace(['\n', '\t'], " ");
        writeln!(f, "accepted\t{}\nrefused\t{}", self.accepted, self.refused)?;
        self.messages.values().try_for_each(|message| writeln!(f, "message\t{}", one_line(message)))?;
        self.faults.iter().try_for_each(|(input, what)| writeln!(f, "fault\t{input}\t{}", one_line(what)))
    }
}

/// A message without what differs from file to file: words of letters only, the first ones.
fn kind(message: &str) -> String {
    let word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && word.len() > 1;
    message
        .split_whitespace()
        .map(|word| word.trim_matches([',', ':', ';', '.']))
        .filter(word)
        .take(12)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_what_its_lines_say() {
        let mut report = Report { accepted: 3, ..Report::default() };
        report.refuse("/tmp/a/input.png: truncated PNG picture: it ends after 12 bytes".to_owned());
        report.refuse("/tmp/a/input.png: truncated PNG picture: it ends after 13 bytes".to_owned());
        report.faults.push(("/tmp/a/b".to_owned(), "panics: a\nb".to_owned()));
        assert_eq!((report.messages.len(), report.cases()), (1, 6));
        let (parsed, others) = Report::parse(&format!("hello\n{report}"));
        assert_eq!((parsed.cases(), parsed.faults[0].1.as_str(), others), (6, "panics: a b", vec!["hello".to_owned()]));
        assert_eq!(parsed.messages, report.messages);
    }
}
