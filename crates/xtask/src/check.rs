//! `cargo xtask check`: static checks, and compilation with every set of features.

use anyhow::Result;

use crate::steps::{self, Step, installed};
use crate::wasm;

/// Sets of the facade's features to compile; the default one is covered by the workspace's lints.
const FEATURES: [(&str, &str); 4] = [
    ("lints without features", ""),
    ("lints with checks of operations", "check"),
    ("lints with photographs", "photos"),
    ("lints with photographs and training", "train"),
];

/// Formatting, lints, documentation, features, browsers, licences, and whether every crate can be packaged on its own.
///
/// # Errors
/// If a command cannot be started.
pub fn check() -> Result<bool> {
    let features = |(what, features)| {
        let facade = ["clippy", "-p", "atrous", "-q", "--no-default-features", "--features", features];
        Step::cargo(what, &[&facade[..], &["--", "-D", "warnings"]].concat())
    };
    let mut all = vec![
        Step::cargo("formatting", &["fmt", "--all", "--check"]),
        Step::cargo("lints", &["clippy", "--workspace", "--all-targets", "-q", "--", "-D", "warnings"]),
        Step::cargo("documentation", &["doc", "--workspace", "--no-deps", "-q"])
            .with(&[("RUSTDOCFLAGS", "-D warnings")]),
    ];
    all.extend(FEATURES.map(features));
    all.extend(wasm::steps());
    // cargo-deny reads the dependencies of all platforms and does not download them, so fetch them first.
    all.push(Step::cargo("sources of all platforms' dependencies", &["fetch", "--locked"]));
    all.push(licences());
    all.push(Step::cargo("packages", &["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty", "-q"]));
    steps::run(all)
}

/// Checks licences and sources of all dependencies: `.cargo/deny.toml` says what is allowed. Security advisories are not checked, since
/// their database would have to be downloaded.
fn licences() -> Step {
    let what = "licences and sources of dependencies";
    if !installed("deny") {
        return Step::new(what, Err("cargo-deny is not installed: `cargo install cargo-deny`".to_owned()));
    }
    Step::cargo(what, &["deny", "--offline", "--workspace", "check", "bans", "licenses", "sources"])
}
