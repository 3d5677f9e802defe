//! The files of a crate as a tree of modules: what each defines, and which paths it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, ItemMod, ItemUse, Token, UseTree, Visibility};

/// A path of a program text: `crate::plan::Plan`.
pub(crate) type Names = Vec<String>;

/// One file: a module, with the modules that it has inline.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The items that it defines, but modules and imports.
    pub(crate) defines: BTreeSet<String>,
    /// Names that imports bring: under which name, what, and whether others may use it from here.
    pub(crate) imports: Vec<(String, Names, bool)>,
    /// Paths that its texts name beside imports, as they stand there.
    pub(crate) paths: BTreeSet<Names>,
}

/// A crate's files by module path, `[]` for the root.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) modules: BTreeMap<Names, Module>,
}

impl Source {
    /// Reads a crate from its root file, without what is compiled for tests only.
    pub(crate) fn read(root: &Path) -> Self {
        let mut source = Self::default();
        source.add(Vec::new(), root, root.parent().expect("a file in a folder"));
        source
    }

    /// Adds the file of a module, and the files of its children, which lie in `folder`.
    fn add(&mut self, path: Names, file: &Path, folder: &Path) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut reader = Reader { module: Module::default(), children: Vec::new() };
        reader.visit_file(&parsed);
        let Reader { module, children } = reader;
        self.modules.insert(path.clone(), module);
        for child in children {
            let candidates = [folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs")];
            let file = candidates.iter().find(|file| file.is_file());
            let file = file.unwrap_or_else(|| panic!("{}: no file of its module {child}", file_name(&candidates)));
            let below = folder.join(&child);
            self.add([path.clone(), vec![child]].concat(), file, &below);
        }
    }

    /// The module whose file defines what a path names, as seen from a module; none if it is of another crate. Names that are handed
    /// on by imports lead to their definition.
    pub(crate) fn definition(&self, from: &Names, path: &[String]) -> Option<Names> {
        self.resolve(from, path, &mut BTreeSet::new())
    }

    /// [`Self::definition`], where each step is taken once: imports may lead in circles.
    fn resolve(&self, from: &Names, path: &[String], taken: &mut BTreeSet<(Names, Names)>) -> Option<Names> {
        if !taken.insert((from.clone(), path.to_vec())) {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (Vec::new(), rest),
            "self" => (from.clone(), rest),
            "super" => (from[..from.len().checked_sub(1)?].to_vec(), rest),
            _ => (from.clone(), path),
        };
        while rest.first().is_some_and(|name| name == "super") {
            (at, rest) = (at[..at.len().checked_sub(1)?].to_vec(), &rest[1..]);
        }
        while let Some((name, after)) = rest.split_first() {
            let child = [at.clone(), vec![name.clone()]].concat();
            let module = self.modules.get(&at)?;
            if self.modules.contains_key(&child) {
                (at, rest) = (child, after);
                continue;
            }
            if module.defines.contains(name) {
                return Some(at);
            }
            let import = module.imports.iter().find(|(as_name, path, _)| as_name == name && path != rest);
            if let Some((_, target, _)) = import {
                return self.resolve(&at, target, taken);
            }
            let globs = module.imports.iter().filter(|(as_name, ..)| as_name == "*");
            let mut found = globs.filter_map(|(_, target, _)| {
                let target = [&target[..target.len() - 1], std::slice::from_ref(name)].concat();
                self.resolve(&at, &target, taken)
            });
            return found.next();
        }
        Some(at)
    }
}

fn file_name(files: &[PathBuf]) -> String {
    files.first().map_or_else(String::new, |file| file.display().to_string())
}

/// Collects what a [`Module`] holds.
struct Reader {
    module: Module,
    /// Names of the modules in files of their own.
    children: Vec<String>,
}

impl Reader {
    fn import(&mut self, prefix: &[String], tree: &UseTree, public: bool) {
        let mut path = prefix.to_vec();
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.import(&path, &tree.tree, public);
            }
            UseTree::Name(name) if name.ident == "self" => {
                let name = path.last().cloned().unwrap_or_default();
                self.module.imports.push((name, path, public));
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.module.imports.push((name.ident.to_string(), path, public));
            }
            UseTree::Rename(rename) => {
                path.push(rename.ident.to_string());
                self.module.imports.push((rename.rename.to_string(), path, public));
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.module.imports.push(("*".to_owned(), path, public));
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(&path, tree, public)),
        }
    }
}

/// Whether an item is compiled for tests only.
pub(crate) fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && quote_text(a).contains("test"))
}

fn quote_text(attribute: &Attribute) -> String {
    attribute.meta.require_list().map_or_else(|_| String::new(), |list| list.tokens.to_string())
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (name, attributes) = match item {
            Item::Const(item) => (Some(&item.ident), &item.attrs),
            Item::Enum(item) => (Some(&item.ident), &item.attrs),
            Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
            Item::Static(item) => (Some(&item.ident), &item.attrs),
            Item::Struct(item) => (Some(&item.ident), &item.attrs),
            Item::Trait(item) => (Some(&item.ident), &item.attrs),
            Item::Type(item) => (Some(&item.ident), &item.attrs),
            Item::Impl(item) => (None, &item.attrs),
            Item::Mod(item) => (None, &item.attrs),
            Item::Use(item) => (None, &item.attrs),
            _ => return visit::visit_item(self, item),
        };
        if !for_tests(attributes) {
            self.module.defines.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        match &item.content {
            None => self.children.push(item.ident.to_string()),
            Some(_) => visit::visit_item_mod(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.import(&[], &item.tree, public);
    }

    /// `pub(super)` names nothing that is used.
    fn visit_visibility(&mut self, _visibility: &'ast Visibility) {}

    /// Arguments of macros that are expressions, as those of `format!` and `assert!`.
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Ok(arguments) = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            let mut paths = Paths(&mut self.module.paths);
            arguments.iter().for_each(|argument| paths.visit_expr(argument));
        }
        visit::visit_macro(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        Paths(&mut self.module.paths).visit_path(path);
    }
}

/// Collects the paths of an expression.
struct Paths<'a>(&'a mut BTreeSet<Names>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}
