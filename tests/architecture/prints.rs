//! Libraries print nothing: what a program prints, and whether anybody reads it, is the program's affair.

use std::path::Path;

use crate::crates::workspace;
use crate::source::{Names, Source};

/// Macros that print, and panic where nobody reads.
const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];
/// The streams of a program.
const STREAMS: [&str; 2] = ["stdout", "stderr"];
/// Modules that write to them: the progress that `TrainOptions::show` asks for, and what the command `atrous` prints.
const PRINT: [(&str, &str); 2] = [("atrous-train", "progress"), ("atrous-cli", "output")];
/// Programs for work on this repository.
const TOOLS: [&str; 2] = ["xtask", "atrous-tests"];

/// What a module uses to print.
fn prints(paths: impl IntoIterator<Item = Names>) -> Vec<Names> {
    let macros = |path: &Names| matches!(&path[..], [name] if MACROS.contains(&name.as_str()));
    let streams = |path: &Names| {
        let io = path.len() == 1 || path[path.len() - 2] == "io";
        io && path.last().is_some_and(|name| STREAMS.contains(&name.as_str()))
    };
    paths.into_iter().filter(|path| macros(path) || streams(path)).collect()
}

#[test]
fn only_programs_print_and_only_where_a_closed_stream_is_no_failure() {
    let mut found = Vec::new();
    for package in workspace() {
        let name = package.name.to_string();
        let roots =
            package.targets.iter().filter(|target| target.is_lib() || (target.is_bin() && name == "atrous-cli"));
        for root in roots.filter(|_| !TOOLS.contains(&name.as_str()) && name != "atrous-examples") {
            for (at, module) in Source::read(Path::new(&root.src_path)).modules {
                let allowed =
                    PRINT.iter().any(|(package, top)| *package == name && at.first().is_some_and(|m| m == top));
                // A function of the name of a macro is imported.
                let imported = |name: &str| module.imports.iter().any(|(as_name, ..)| as_name == name);
                let own = |path: &Names| matches!(&path[..], [name] if imported(name));
                let imports = module.imports.iter().map(|(_, path, _)| path);
                let paths = module.paths.iter().filter(|path| !own(path)).chain(imports);
                let used = prints(paths.cloned()).into_iter().filter(|_| !allowed);
                found.extend(used.map(|path| format!("{name}: {} uses {}", at.join("::"), path.join("::"))));
            }
        }
    }
    assert!(found.is_empty(), "these print:\n{}", found.join("\n"));
}

#[test]
fn macros_and_streams_are_seen() {
    let names = |text: &str| text.split("::").map(str::to_owned).collect::<Names>();
    let seen = ["println", "eprint", "std::io::stderr", "io::stdout", "stderr"];
    assert_eq!(prints(seen.map(names)), seen.map(names));
    assert!(prints(["format", "self::print::line", "output::stdout"].map(names)).is_empty());
}
