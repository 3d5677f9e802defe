//! `cargo xtask wasm`: whether atrous compiles for browsers.
//!
//! The compiler is either rustup's with the target's standard library, or Debian's `rustc-web`, which has only the library's source. Cargo
//! then compiles the library with `-Zbuild-std`, an option of nightly compilers that `RUSTC_BOOTSTRAP` enables.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::steps::{self, Step};

const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler.
const DEBIAN: &str = "/usr/bin/rustc";
/// A file of the standard library's source, which exists if the package `rust-web-src` is installed.
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// Compiles atrous for browsers.
///
/// # Errors
/// If a command cannot be started.
pub fn wasm() -> Result<bool> {
    steps::run(steps())
}

/// One step for each set of features that a browser can have.
pub(crate) fn steps() -> Vec<Step> {
    let sets = [
        ("in browsers, without features", ""),
        ("in browsers, checks of operations", "check"),
        ("in browsers, photographs", "photos"),
        ("in browsers, photographs and training", "train"),
    ];
    sets.map(|(what, features)| Step::new(what, check(features))).into()
}

/// Compiles without linking, with warnings as errors.
fn check(features: &str) -> std::result::Result<Command, String> {
    let mut cargo = Command::new(env!("CARGO"));
    // Only build scripts run, which link the kernels: the release profile shares their artifacts, and needs no optimisation.
    cargo.args(["check", "-q", "--release", "-p", "atrous", "--no-default-features", "--features", features]);
    cargo.args(["--target", TARGET, "--target-dir", concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/wasm")]);
    cargo.envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_DEBUG", "false")]);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Dwarnings");
    if has_library("rustc") {
        return Ok(cargo);
    }
    if !Path::new(DEBIAN_SOURCE).exists() {
        return Err(format!(
            "no compiler for {TARGET}: `rustup target add {TARGET}`, or on Debian 12 as root `apt-get install \
             --no-install-recommends rustc-web rust-web-src`"
        ));
    }
    cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC", DEBIAN).env("RUSTC_BOOTSTRAP", "1");
    Ok(cargo)
}

/// Whether a compiler has the target's standard library.
fn has_library(rustc: &str) -> bool {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|o| o.status.success() && Path::new(String::from_utf8_lossy(&o.stdout).trim()).exists())
}
