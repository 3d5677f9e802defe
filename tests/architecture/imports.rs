//! Which file imports which.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Names, Source};

/// By module: the other modules of the crate whose items it uses. What a module hands on of its own children (`pub use child::Item`)
/// is no import.
pub(crate) fn imports(source: &Source) -> BTreeMap<Names, BTreeSet<Names>> {
    let all = source.modules.iter().map(|(at, module)| {
        // Of a glob the module that it opens.
        let named = |path: &'_ Names| path.len() - usize::from(path.last().is_some_and(|name| name == "*"));
        let handed_on = |path: &[String]| source.definition(at, path).is_some_and(|to| to.starts_with(at));
        let uses = module.imports.iter().filter(|(_, path, public)| !(*public && handed_on(&path[..named(path)])));
        let imported = uses.map(|(_, path, _)| &path[..named(path)]);
        let paths = module.paths.iter().map(Vec::as_slice);
        let arrows = imported.chain(paths).filter_map(|path| source.definition(at, path));
        (at.clone(), arrows.filter(|to| to != at).collect())
    });
    all.collect()
}
