//! The import table of docs/architecture.md, and what lies at the top level.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Crates of ours that each crate may import outside of its tests. `None`: any.
fn allowed() -> BTreeMap<&'static str, Option<&'static [&'static str]>> {
    BTreeMap::from([
        ("atrous-shaders", Some(&[][..])),
        ("atrous-files", Some(&[][..])),
        ("atrous-graph", Some(&[][..])),
        ("atrous-vision", Some(&["atrous-files", "atrous-nn"][..])),
        ("atrous-cpu", Some(&["atrous-graph"][..])),
        ("atrous-kernels", Some(&["atrous-graph", "atrous-shaders"][..])),
        ("atrous-gpu", Some(&["atrous-files", "atrous-graph", "atrous-kernels", "atrous-shaders"][..])),
        ("atrous-nn", Some(&["atrous-graph"][..])),
        ("atrous-io", Some(&["atrous-files", "atrous-graph", "atrous-nn"][..])),
        (
            "atrous-train",
            Some(&["atrous-files", "atrous-gpu", "atrous-graph", "atrous-io", "atrous-nn", "atrous-vision"][..]),
        ),
        (
            "atrous",
            Some(
                &[
                    "atrous-cpu",
                    "atrous-gpu",
                    "atrous-graph",
                    "atrous-io",
                    "atrous-kernels",
                    "atrous-nn",
                    "atrous-train",
                    "atrous-vision",
                ][..],
            ),
        ),
        ("atrous-cli", Some(&["atrous", "atrous-files"][..])),
        (
            "atrous-golden",
            Some(
                &[
                    "atrous-cpu",
                    "atrous-gpu",
                    "atrous-graph",
                    "atrous-io",
                    "atrous-nn",
                    "atrous-train",
                    "atrous-vision",
                ][..],
            ),
        ),
        ("atrous-fuzz", None),
        ("xtask", None),
        ("atrous-tests", None),
        ("atrous-examples", Some(&["atrous", "atrous-golden"][..])),
    ])
}

pub(crate) fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new().no_deps().other_options(vec!["--offline".to_owned()]).exec();
    metadata.expect("cargo metadata").workspace_packages().into_iter().cloned().collect()
}

#[test]
fn every_crate_imports_only_what_the_table_allows() {
    let allowed = allowed();
    let packages = workspace();
    let ours: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(ours, allowed.keys().copied().collect(), "the table and the workspace name the same crates");
    for package in &packages {
        let Some(allowed) = allowed[package.name.as_str()] else { continue };
        let imports = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
        for import in imports.filter(|d| ours.contains(d.name.as_str())) {
            assert!(allowed.contains(&import.name.as_str()), "{} must not import {}", package.name, import.name);
        }
    }
}

/// `cargo publish` leaves out what a package's tests import by path alone, without a version.
#[test]
fn the_golden_package_is_in_nothing_that_is_published() {
    let private = |package: &Package| package.publish.as_ref().is_some_and(Vec::is_empty);
    let packages = workspace();
    assert!(packages.iter().any(|p| p.name.as_str() == "atrous-golden" && private(p)));
    for package in packages.iter().filter(|p| !private(p)) {
        for import in package.dependencies.iter().filter(|d| d.name == "atrous-golden") {
            let (kind, version) = (import.kind, import.req.to_string());
            assert!(kind == DependencyKind::Development && version == "*", "{}: {kind:?} {version}", package.name);
        }
    }
}

#[test]
fn only_the_gpu_crate_uses_wgpu() {
    for package in workspace() {
        let uses = package.dependencies.iter().any(|d| d.name == "wgpu" && d.kind != DependencyKind::Development);
        assert_eq!(uses, package.name.as_str() == "atrous-gpu", "{}", package.name);
    }
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// What follows a training through passes stands above them.
#[test]
fn passes_know_no_trainings() {
    let passes = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/atrous-graph/src/passes");
    let files = files_below(Path::new(passes));
    assert!(files.iter().any(|file| file.ends_with("half_storage.rs")));
    for file in files {
        assert!(!std::fs::read_to_string(&file).expect("text").contains("crate::optim"), "{}", file.display());
    }
}

#[test]
fn shaders_need_nothing_at_run_time() {
    let packages = workspace();
    let shaders = packages.iter().find(|p| p.name.as_str() == "atrous-shaders").expect("the package exists");
    assert!(shaders.dependencies.iter().all(|d| d.kind != DependencyKind::Normal));
}

#[test]
fn the_top_level_shows_the_architecture() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let tracked = ["Cargo.toml", "Cargo.lock", "crates", "shaders", "tests", "examples", "docs", "target"];
    let documents = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "rustfmt.toml",
    ];
    for entry in std::fs::read_dir(root).expect("the root is readable") {
        let name = entry.expect("an entry").file_name().into_string().expect("a UTF-8 name");
        // The README's commands write their pictures and run folders here.
        let picture = name.ends_with(".png") || name == "runs";
        let known =
            picture || name.starts_with('.') || tracked.contains(&name.as_str()) || documents.contains(&name.as_str());
        assert!(known, "{name} does not belong to the top level");
    }
}
