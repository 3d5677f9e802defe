//! Comparison of atrous's figures with those of other programs.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::measure::Measured;

/// A measurement of another program: one JSON object per line; further fields are ignored.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Peer {
    peer: String,
    /// Words that the name of the workload contains, such as `W1` or `O1 backward`.
    workload: String,
    median_ms: f64,
    peak_rss_mb: Option<f64>,
}

/// The lines of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Peer>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Peer>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let peer = |(i, line)| -> Result<Peer> {
        let peer: Peer = serde_json::from_str(line).with_context(|| format!("line {}", i + 1))?;
        ensure!(peer.median_ms > 0.0, "line {}: a median of {} ms", i + 1, peer.median_ms);
        Ok(peer)
    };
    lines.map(peer).collect()
}

/// The first workload whose name has all words of the peer's name for it.
fn ours<'a>(measured: &'a [Measured], peer: &Peer) -> Option<&'a Measured> {
    let has = |name: &str| peer.workload.split_whitespace().all(|word| name.split_whitespace().any(|w| w == word));
    measured.iter().find(|m| has(m.workload))
}

/// A Markdown table of all workloads that a peer has figures for. Ratios are the peer's figure over atrous's: above 1, atrous is faster or
/// needs less memory.
pub(super) fn table(measured: &[Measured], peers: &[Peer]) -> String {
    let mut out = "| workload | peer | ours ms | theirs ms | ratio | our RSS MB | theirs MB | ratio |\n".to_owned();
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for (peer, ours) in peers.iter().filter_map(|peer| Some((peer, ours(measured, peer)?))) {
        let (rss, theirs) = (ours.peak_rss_mb, peer.peak_rss_mb);
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.0}"));
        let ratio = theirs.zip(rss).map_or("–".to_owned(), |(theirs, ours)| format!("{:.2}", theirs / ours));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {:.1} | {:.1} | {:.2} | {} | {} | {ratio} |",
            ours.workload,
            peer.peer,
            ours.median_ms,
            peer.median_ms,
            peer.median_ms / ours.median_ms,
            number(rss),
            number(theirs),
        );
    }
    out
}

/// The marks around the tables in docs/benchmarks.md.
const BEGIN: &str = "<!-- begin: written by cargo xtask bench --compare -->\n";
const END: &str = "<!-- end -->\n";

/// Replaces the text between the marks of a document by new tables.
pub(super) fn update(document: &str, adapter: &str, measured: &[Measured], comparison: &str) -> Result<String> {
    let (Some(begin), Some(end)) = (document.find(BEGIN), document.find(END)) else {
        bail!("there are no lines {BEGIN:?} and {END:?}")
    };
    ensure!(begin < end, "{END:?} comes before {BEGIN:?}");
    let (before, after) = (&document[..begin + BEGIN.len()], &document[end..]);
    Ok(format!("{before}\n## {adapter}\n\n{}\n{comparison}\n{after}", Measured::markdown(measured)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_matched_by_words_and_ratios_are_theirs_to_ours() {
        let measured = ["W1 ResNet-50 224² b1", "W1 ResNet-50 224² b8", "O1 conv", "O1 backward"]
            .map(|name| Measured::example(name, 50.0));
        let lines = r#"{"peer": "burn", "workload": "W1", "median_ms": 100, "peak_rss_mb": 30}
            {"peer": "burn", "workload": "W1 b8", "median_ms": 25.0, "more": 1}

            {"peer": "burn", "workload": "O1 backward", "median_ms": 75}
            {"peer": "burn", "workload": "O9", "median_ms": 75}"#;
        let table = table(&measured, &parse(lines).unwrap());
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows[0], "| W1 ResNet-50 224² b1 | burn | 50.0 | 100.0 | 2.00 | 60 | 30 | 0.50 |");
        assert_eq!(rows[1], "| W1 ResNet-50 224² b8 | burn | 50.0 | 25.0 | 0.50 | 60 | – | – |");
        assert!(rows[2].starts_with("| O1 backward | burn | 50.0 | 75.0 | 1.50 |"), "{}", rows[2]);
        assert_eq!(rows.len(), 3);
        assert!(parse("{}").is_err() && parse(&lines.replace("100", "0")).is_err());
    }

    #[test]
    fn the_tables_of_a_document_are_replaced_and_nothing_else() {
        let document = format!("before\n{BEGIN}old\n{END}after\n");
        let new = update(&document, "an adapter", &[Measured::example("O1", 1.0)], "comparison\n").unwrap();
        assert!(new.starts_with(&format!("before\n{BEGIN}\n## an adapter\n\n| workload |")), "{new}");
        assert!(new.ends_with(&format!("comparison\n\n{END}after\n")) && !new.contains("old"), "{new}");
        assert_eq!(update(&new, "an adapter", &[Measured::example("O1", 1.0)], "comparison\n").unwrap(), new);
        assert!(update("no marks", "", &[], "").is_err());
    }
}
