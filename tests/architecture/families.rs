//! One name, one room: what belongs to an operation is found under the same folder and file in every crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the families of operations are: definitions, references, kernels' plans, kernels.
const GRAPH: &str = "crates/atrous-graph/src/op";
const CPU: &str = "crates/atrous-cpu/src";
const KERNELS: &str = "crates/atrous-kernels/src";
const SHADERS: &str = "shaders";

/// Kernels that belong to no operation: what they share, pictures, textures of programs.
const NO_OPERATIONS: [&str; 3] = ["helpers", "image", "interop"];

/// Files of a family of definitions that belong to no single operation.
const SHARED: [&str; 2] = ["mod", "rules"];

fn path(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
}

fn names(folder: &str, wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let paths = entries.map(|entry| entry.expect("an entry").path()).filter(|path| wanted(path));
    paths.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

/// The families, by the folders of the definitions; all but what programs bring along, and what graphs begin with.
fn families() -> BTreeSet<String> {
    let all = names(GRAPH, Path::is_dir);
    assert!(all.contains("conv") && all.contains("movement"), "{all:?}");
    all.into_iter().filter(|family| !["custom", "source"].contains(&family.as_str())).collect()
}

/// Files that define an operation: those in which the trait is implemented.
fn definitions(family: &str) -> BTreeSet<String> {
    let defines = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("impl Definition for "));
    let all = names(&format!("{GRAPH}/{family}"), defines);
    all.into_iter().filter(|name| !SHARED.contains(&name.as_str())).collect()
}

#[test]
fn a_family_has_a_folder_of_its_name_in_every_crate() {
    for family in families() {
        for crate_folder in [CPU, KERNELS, SHADERS] {
            assert!(path(crate_folder).join(&family).is_dir(), "{crate_folder} has no folder {family}");
        }
    }
    let kernels = names(SHADERS, |path| path.is_dir() && names_of_kernels(path) > 0);
    let families = families();
    let no_family = kernels.difference(&families).filter(|name| !NO_OPERATIONS.contains(&name.as_str()));
    assert_eq!(no_family.collect::<Vec<_>>(), ["optim"], "folders of kernels that are no family's");
    for crate_folder in ["crates/atrous-graph/src", CPU, KERNELS] {
        let optim = path(crate_folder).join("optim");
        assert!(optim.is_dir() || optim.with_extension("rs").is_file(), "{crate_folder} has no optim");
    }
}

fn names_of_kernels(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "wesl" || e == "wgsl")).count()
}

#[test]
fn an_operation_has_a_file_of_the_same_name_in_every_crate() {
    for family in families() {
        let definitions = definitions(&family);
        assert!(!definitions.is_empty(), "{family} defines nothing");
        for file in definitions {
            for crate_folder in [CPU, KERNELS] {
                let at = path(crate_folder).join(&family).join(&file);
                let exists = at.with_extension("rs").is_file() || at.join("mod.rs").is_file();
                assert!(exists, "{crate_folder}/{family} has no {file}");
            }
        }
    }
}

/// Modules with children are `folder/mod.rs`, never `folder.rs` beside a folder.
#[test]
fn modules_have_one_style() {
    for crate_folder in names("crates", Path::is_dir) {
        for file in crate::crates::files_below(&path("crates").join(&crate_folder)) {
            let beside = file.with_extension("");
            let doubled = file.extension().is_some_and(|e| e == "rs") && beside.is_dir();
            assert!(!doubled, "{} stands beside a folder of its name", file.display());
        }
    }
}
