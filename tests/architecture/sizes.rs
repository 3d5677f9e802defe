//! Files and functions stay short enough to be read at once.

use std::path::{Path, PathBuf};

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ImplItemFn, ItemFn, ItemMod, Stmt, TraitItemFn};

use crate::crates::{files_below, workspace};
use crate::source::for_tests;

/// Lines of a function, and of a file, at most.
const FUNCTION: usize = 60;
const FILE: usize = 400;

/// The Rust files of all packages but their tests.
fn files() -> Vec<PathBuf> {
    let packages = workspace().into_iter().filter(|package| package.name.as_str() != "atrous-tests");
    let folders = packages.map(|package| {
        let root = package.manifest_path.parent().expect("a manifest in a folder").as_std_path().to_owned();
        if root.join("src").is_dir() { root.join("src") } else { root }
    });
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| files_below(&folder)).collect();
    let is_test = |file: &Path| file.iter().any(|part| part == "tests") || file.ends_with("tests.rs");
    files.retain(|file| file.extension().is_some_and(|e| e == "rs") && !is_test(file));
    files
}

/// Collects the functions that are too long.
#[derive(Default)]
struct Long(Vec<String>);

impl Long {
    fn look(&mut self, name: &syn::Ident, begin: LineColumn, block: &Block) {
        let lines = block.span().end().line - begin.line + 1;
        if lines > FUNCTION && !is_table(block) {
            self.0.push(format!("{name}: {lines} lines"));
        }
    }
}

/// A single match or list whose entries take three lines on average at most.
fn is_table(block: &Block) -> bool {
    let [Stmt::Expr(expression, _)] = block.stmts.as_slice() else { return false };
    let lines = expression.span().end().line - expression.span().start().line + 1;
    match expression {
        Expr::Match(table) => lines <= 3 * table.arms.len(),
        Expr::Array(table) => lines <= 3 * table.elems.len(),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Long {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !for_tests(&item.attrs) {
            self.look(&item.sig.ident, item.sig.span().start(), &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.look(&item.sig.ident, item.sig.span().start(), &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.look(&item.sig.ident, item.sig.span().start(), block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }
}

#[test]
fn functions_and_files_are_short() {
    let files = files();
    assert!(files.len() > 300, "{} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("text");
        let lines = text.lines().count();
        if lines > FILE {
            found.push(format!("{}: {lines} lines", file.display()));
        }
        let mut long = Long::default();
        long.visit_file(&syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
        found.extend(long.0.into_iter().map(|function| format!("{}, {function}", file.display())));
    }
    assert!(found.is_empty(), "too long:\n{}", found.join("\n"));
}
