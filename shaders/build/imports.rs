//! Imports name what helpers declare: the linker passes over names that no text uses, and of others says only that nothing declares them.

use std::fs;
use std::path::Path;

use crate::link;

/// Every name that the files of a folder import from a helper is declared there.
pub(crate) fn imports_exist(root: &Path, folder: &str) {
    for entry in fs::read_dir(root.join(folder)).unwrap_or_else(|e| panic!("shaders/{folder}: {e}")) {
        let file = format!("shaders/{folder}/{}", entry.expect("an entry").file_name().display());
        for (helper, name) in imports(&code(root, &file)) {
            let of = link::file(root, &format!("helpers/{helper}"));
            assert!(declares(&code(root, &of), &name), "{file} imports {name}, which {of} does not declare");
        }
    }
}

/// The text of a file without comments.
fn code(root: &Path, file: &str) -> String {
    link::read(root, file).lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The helpers and names in `import package::helpers::HELPER::NAME;` and `…::{NAME, NAME};`.
fn imports(code: &str) -> Vec<(String, String)> {
    let all = code.split("import package::helpers::").skip(1).flat_map(|rest| {
        let (helper, names) = rest.split(';').next().and_then(|path| path.split_once("::")).unwrap_or_default();
        let names = names.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| (helper.to_owned(), name.to_owned())).collect::<Vec<_>>()
    });
    all.collect()
}

/// Whether a file declares a name: `fn NAME`, `const NAME`, `var<…> NAME`.
fn declares(code: &str, name: &str) -> bool {
    let mut words = code.split(|c: char| c.is_whitespace() || "(:;=".contains(c)).filter(|word| !word.is_empty());
    let mut before = "";
    words.any(|word| {
        let keyword = std::mem::replace(&mut before, word);
        let declaration = ["fn", "struct", "const", "override", "alias", "var"].contains(&keyword);
        // The end of `var<storage, read> x` too.
        word == name && (declaration || keyword.ends_with('>'))
    })
}
