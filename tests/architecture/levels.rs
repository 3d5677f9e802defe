//! `Op` has three levels: what users and layers write, what autodiff adds, what passes fuse. Matches over it name every operation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{ExprMatch, Item, ItemImpl, Pat, Type};

use crate::crates::files_below;
use crate::source::for_tests;

/// Arms from which a match over operations counts as one over all of them.
const MANY: usize = 8;

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder));
    let is_test =
        |file: &Path| file.ends_with("tests.rs") || file.parent().is_some_and(|folder| folder.ends_with("tests"));
    let is_source = |file: &Path| file.extension().is_some_and(|e| e == "rs") && !is_test(file);
    let files = files.into_iter().filter(|file| is_source(file));
    let texts: Vec<_> = files.map(|file| (file.clone(), std::fs::read_to_string(&file).expect("text"))).collect();
    assert!(!texts.is_empty(), "{folder} has no Rust files");
    texts
}

/// The enums of operations.
const ENUMS: [&str; 3] = ["Op", "Gradient", "Fused"];

/// The enums of operations that patterns name variants of.
#[derive(Default)]
struct Named {
    enums: BTreeSet<String>,
    /// What `Self` stands for.
    this: String,
}

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let before = path.segments.iter().rev().nth(1).map(|segment| segment.ident.to_string());
        let name = before.map(|name| if name == "Self" { self.this.clone() } else { name });
        self.enums.extend(name.filter(|name| ENUMS.contains(&name.as_str())));
    }
}

/// Finds matches over operations, but in tests.
#[derive(Default)]
struct Matches {
    /// How many arms there are for whatever is left.
    wild: usize,
    /// By enum: those with many arms.
    large: Vec<String>,
    /// What `Self` stands for.
    this: String,
}

/// Whether a pattern takes whatever is left: `_`, a name, or a tuple of such.
fn is_wild(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) => true,
        Pat::Ident(name) => name.subpat.is_none(),
        Pat::Tuple(tuple) => tuple.elems.iter().all(is_wild),
        Pat::Paren(pattern) => is_wild(&pattern.pat),
        Pat::Or(patterns) => patterns.cases.iter().any(is_wild),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Matches {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if let Type::Path(of) = &*item.self_ty {
            self.this = of.path.segments.last().map_or_else(String::new, |segment| segment.ident.to_string());
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        let mut named = Named { this: self.this.clone(), ..Named::default() };
        expression.arms.iter().for_each(|arm| named.visit_pat(&arm.pat));
        if !named.enums.is_empty() {
            self.wild += expression.arms.iter().filter(|arm| is_wild(&arm.pat)).count();
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
    let crates = ["", "-graph", "-cpu", "-kernels", "-gpu", "-nn", "-train", "-io", "-vision", "-cli", "-golden"];
    let crates = crates.map(|name| format!("crates/atrous{name}/src"));
    let texts = crates.iter().flat_map(|folder| sources(folder));
    let wild: Vec<PathBuf> = texts.filter(|(_, text)| matches(text).wild > 0).map(|(file, _)| file).collect();
    assert!(wild.is_empty(), "matches over operations with `_`: {wild:#?}");
    let opened = |text: &str| ENUMS.iter().any(|name| text.contains(&format!("{name}::*")));
    let texts = crates.iter().flat_map(|folder| sources(folder));
    let opened: Vec<PathBuf> = texts.filter(|(_, text)| opened(text)).map(|(file, _)| file).collect();
    assert!(opened.is_empty(), "operations without the name of their enum: {opened:#?}");
}

#[test]
fn arms_for_the_rest_are_found() {
    let wild = |arms: &str| matches(&format!("fn f() {{ match x {{ {arms} }} }}")).wild;
    assert_eq!(wild("Op::Input => 1, _ => 2"), 1);
    assert_eq!(wild("Op::Input => 1, rest => 2"), 1);
    assert_eq!(wild("(Op::Input, true) => 1, (_, _) => 2"), 1);
    assert_eq!(wild("Op::Input => 1, Op::Parameter | _ => 2"), 1);
    assert_eq!(wild("(Op::Input, _) => 1, (Op::Parameter, _) => 2"), 0);
    assert_eq!(wild("Some(1) => 1, _ => 2"), 0);
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
    let expected = [
        "crates/atrous-cpu/src/operation.rs",
        "crates/atrous-graph/src/op/fused.rs",
        "crates/atrous-graph/src/op/operation.rs",
        "crates/atrous-kernels/src/family.rs",
    ];
    assert_eq!(places.into_iter().collect::<Vec<_>>(), expected, "{found:#?}");
    let levels = |name: &str| found.iter().filter(|(_, of)| of == name).count();
    assert_eq!(ENUMS.map(levels), [3, 3, 3], "{found:#?}");
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
