//! `Op` has three floors: what users and layers write, what autodiff adds, what passes fuse. Matches over it name every operation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{ExprMatch, Pat};

use crate::crates::files_below;

/// Arms from which a match over operations counts as one over all of them.
const MANY: usize = 8;

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder));
    let files = files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs"));
    let texts: Vec<_> = files.map(|file| (file.clone(), std::fs::read_to_string(&file).expect("text"))).collect();
    assert!(!texts.is_empty(), "{folder} has no Rust files");
    texts
}

/// The enums of operations that a pattern names variants of, and whether it lets everything through.
#[derive(Default)]
struct Named {
    enums: BTreeSet<String>,
    all: bool,
}

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let before = path.segments.iter().rev().nth(1).map(|segment| segment.ident.to_string());
        self.enums.extend(before.filter(|name| ["Op", "Gradient", "Fused"].contains(&name.as_str())));
    }
}

/// Finds matches over operations.
#[derive(Default)]
struct Matches {
    /// Those with an arm for whatever else there is.
    wild: usize,
    /// By enum: those with many arms.
    large: Vec<String>,
}

impl<'ast> Visit<'ast> for Matches {
    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        let mut named = Named::default();
        for arm in &expression.arms {
            named.visit_pat(&arm.pat);
            named.all |=
                matches!(&arm.pat, Pat::Wild(_)) || matches!(&arm.pat, Pat::Ident(ident) if ident.subpat.is_none());
        }
        // `Self::Conv2d(_)` in the methods of `Op` is a path of `Self`; those match by the name of a variant.
        if !named.enums.is_empty() {
            self.wild += usize::from(named.all);
            if expression.arms.len() >= MANY {
                self.large.extend(named.enums.iter().cloned());
            }
        }
        visit::visit_expr_match(self, expression);
    }
}

fn matches(text: &str) -> Matches {
    let mut found = Matches::default();
    found.visit_file(&syn::parse_file(text).expect("Rust"));
    found
}

#[test]
fn no_match_over_operations_has_an_arm_for_the_rest() {
    let crates = ["graph", "cpu", "kernels", "gpu", "nn", "train"].map(|name| format!("crates/atrous-{name}/src"));
    for (file, text) in crates.iter().flat_map(|folder| sources(folder)) {
        assert_eq!(matches(&text).wild, 0, "{} has a match over operations with `_`", file.display());
    }
}

/// What docs/architecture.md says: the definition, the reference and the kernels.
#[test]
fn operations_are_matched_in_three_places() {
    let mut found = Vec::new();
    for folder in ["crates/atrous-graph/src", "crates/atrous-cpu/src", "crates/atrous-kernels/src"] {
        for (file, text) in sources(folder) {
            for name in matches(&text).large {
                let file = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("below the root");
                found.push((file.display().to_string(), name));
            }
        }
    }
    let places: BTreeSet<&str> = found.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(places.len(), 3, "{found:#?}");
}

#[test]
fn layers_and_autodiff_cannot_name_what_is_fused() {
    let mut folders = vec!["crates/atrous-nn/src".to_owned(), "crates/atrous-graph/src/autodiff".to_owned()];
    folders.push("crates/atrous-train/src".to_owned());
    for (file, text) in folders.iter().flat_map(|folder| sources(folder)) {
        let names = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let fused: BTreeSet<&str> = names.filter(|name| name.starts_with("Fused")).collect();
        assert!(fused.is_empty(), "{} names {fused:?}", file.display());
    }
}
