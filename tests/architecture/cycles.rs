//! No two files of a crate import each other, and no two modules of its root, directly or round about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::crates::workspace;
use crate::imports::imports;
use crate::source::{Names, Source};

type Arrows = BTreeMap<Names, BTreeSet<Names>>;

/// All that can be reached from a module, itself only round about.
fn reached(arrows: &Arrows, from: &Names) -> BTreeSet<Names> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        for to in arrows.get(at).into_iter().flatten() {
            if reached.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    reached
}

/// The groups of modules that reach each other.
fn cycles(arrows: &Arrows) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&Names, BTreeSet<Names>> = arrows.keys().map(|at| (at, reached(arrows, at))).collect();
    let circle = |at: &Names| {
        let mutual = reached[at].iter().filter(|to| reached.get(to).is_some_and(|back| back.contains(at)));
        mutual.map(|names| if names.is_empty() { "crate".to_owned() } else { names.join("::") }).collect::<Vec<_>>()
    };
    arrows.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

/// The arrows between the files of every crate, by its name.
fn crates() -> Vec<(String, Arrows)> {
    let arrows = workspace().into_iter().filter_map(|package| {
        let root = &package.targets.iter().find(|target| target.is_lib() || target.is_bin())?.src_path;
        Some((package.name.to_string(), imports(&Source::read(Path::new(root)))))
    });
    arrows.collect()
}

#[test]
fn no_files_import_each_other() {
    let mut found = Vec::new();
    for (name, arrows) in crates() {
        for circle in cycles(&arrows) {
            let within = |at: &str| circle.iter().any(|name| name == at);
            let text = |names: &Names| if names.is_empty() { "crate".to_owned() } else { names.join("::") };
            let lines = arrows.iter().filter(|(at, _)| within(&text(at))).flat_map(|(at, to)| {
                to.iter().filter(|to| within(&text(to))).map(move |to| format!("  {} -> {}", text(at), text(to)))
            });
            found.push(format!("{name}: {}\n{}", circle.join(", "), lines.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(found.is_empty(), "files that import each other:\n{}", found.join("\n"));
}

/// The arrows between the modules of the root, each with all that it holds.
fn between_modules(arrows: &Arrows) -> Arrows {
    let module = |at: &Names| at.first().map(|name| vec![name.clone()]);
    let mut found = Arrows::new();
    for (at, to) in arrows {
        let Some(from) = module(at) else { continue };
        let others = to.iter().filter_map(module).filter(|to| *to != from);
        found.entry(from.clone()).or_default().extend(others);
    }
    found
}

#[test]
fn no_modules_of_a_crate_import_each_other() {
    let circles = |(name, arrows): (String, Arrows)| {
        cycles(&between_modules(&arrows)).into_iter().map(move |circle| format!("{name}: {}", circle.join(", ")))
    };
    let found: Vec<String> = crates().into_iter().flat_map(circles).collect();
    assert!(found.is_empty(), "modules that import each other:\n{}", found.join("\n"));
}

/// Writes a crate with these files and returns its arrows.
fn arrows_of(name: &str, files: &[(&str, &str)]) -> Arrows {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for (file, text) in files {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }
    imports(&Source::read(&folder.join("lib.rs")))
}

fn circles_of(name: &str, files: &[(&str, &str)]) -> BTreeSet<Vec<String>> {
    cycles(&arrows_of(name, files))
}

#[test]
fn circles_are_found_between_folders_without_circles_of_files() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\n"),
        ("a/mod.rs", "mod up;\npub(crate) mod down;\n"),
        ("a/up.rs", "use crate::b::B;\n"),
        ("a/down.rs", "pub struct Down;\n"),
        ("b.rs", "use crate::a::down::Down;\n\npub struct B(Down);\n"),
    ];
    let arrows = arrows_of("folders", &files);
    assert_eq!(cycles(&arrows), BTreeSet::new());
    assert_eq!(cycles(&between_modules(&arrows)), BTreeSet::from([vec!["a".to_owned(), "b".to_owned()]]));
}

#[test]
fn circles_are_found_through_what_others_hand_on() {
    let lib = ("lib.rs", "mod a;\nmod b;\npub use a::*;\npub use b::B as Renamed;\n");
    let b = ("b.rs", "use crate::A;\n\npub struct B(A);\n");
    // Used in a type alone, by a name that the root has given it.
    let a = ("a/mod.rs", "pub struct A;\n\nimpl A {\n    fn of(_: super::Renamed) {}\n}\n");
    assert_eq!(circles_of("circle", &[lib, a, b]), BTreeSet::from([vec!["a".to_owned(), "b".to_owned()]]));
    // Within the arguments of a macro.
    let a = ("a/mod.rs", "pub struct A;\n\nfn f() {\n    print!(\"{}\", super::b::B::LEN);\n}\n");
    assert_eq!(circles_of("macro", &[lib, a, b]), BTreeSet::from([vec!["a".to_owned(), "b".to_owned()]]));
    // In tests, and as a visibility, nothing is imported.
    let a = ("a/mod.rs", "pub(super) struct A;\n\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n");
    assert_eq!(circles_of("none", &[lib, a, b]), BTreeSet::new());
    // What a module hands on of its children is no import, what it computes by them is one.
    let lib = ("lib.rs", "mod child;\npub use child::f;\n\npub struct Shared;\n");
    let child = ("child.rs", "pub fn f(_: crate::Shared) {}\n");
    assert_eq!(circles_of("handed", &[lib, child]), BTreeSet::new());
    let lib = ("lib.rs", "mod child;\n\npub struct Shared;\n\npub fn g() {\n    child::f(Shared)\n}\n");
    assert_eq!(circles_of("called", &[lib, child]).len(), 1);
}
